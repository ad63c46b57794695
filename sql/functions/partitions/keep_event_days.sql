-- Makes missing days and drops old ones; answers whether all could be done.
create function jobstream.keep_event_days()
returns boolean
language plpgsql
set search_path = ''
set timezone = 'UTC'
as $$
declare
    v_today pg_catalog.date := jobstream.clock()::pg_catalog.date;
    v_keep integer := (select s.value::integer from jobstream.settings as s where s.name = 'event_retention_days');
    v_name pg_catalog.text;
    v_all boolean := true;
begin
    for v_day in 0..14 loop
        v_all := jobstream.create_event_day(v_today + v_day) and v_all;
    end loop;
    perform jobstream.prune_event_net((v_today - coalesce(v_keep, 14))::pg_catalog.timestamptz);
    for v_name in
        select c.relname
        from pg_catalog.pg_inherits as i
        inner join pg_catalog.pg_class as c on i.inhrelid = c.oid
        where i.inhparent = 'jobstream.job_events'::pg_catalog.regclass
            and c.relname ~ '^job_events_[0-9]{8}$'
            and to_date(right(c.relname, 8), 'YYYYMMDD') < v_today - coalesce(v_keep, 14)
        order by c.relname
    loop
        v_all := jobstream.drop_event_day(v_name) and v_all;
    end loop;
    return v_all;
end
$$;

comment on function jobstream.keep_event_days() is
'Makes the days of job_events ahead and drops old ones; false: some wait for next time.';
