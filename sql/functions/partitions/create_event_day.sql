create function jobstream.create_event_day(p_day date)
returns boolean
language plpgsql
set search_path = ''
set timezone = 'UTC'
set lock_timeout = '100ms'
as $$
declare
    v_name pg_catalog.text := 'job_events_' || to_char(p_day, 'YYYYMMDD');
begin
    if to_regclass('jobstream.' || v_name) is not null then
        return true;
    end if;
    execute format('create table jobstream.%I (like jobstream.job_events including defaults)', v_name);
    execute format(
        'alter table jobstream.job_events attach partition jobstream.%I for values from (%L) to (%L)',
        v_name, p_day::pg_catalog.timestamptz, (p_day + 1)::pg_catalog.timestamptz
    );
    execute format('comment on table jobstream.%I is %L', v_name, 'Events of ' || p_day || ' (UTC).');
    return true;
exception
    when lock_not_available or check_violation then
        return false;
end
$$;

comment on function jobstream.create_event_day(date) is
'Makes the partition of a UTC day; false: could not get its locks in time, or the net holds events of that day.';
