-- Drops a day, and keeps its largest xid and id: a cursor behind them gets a reset.
create function jobstream.drop_event_day(p_name text)
returns boolean
language plpgsql
set search_path = ''
set lock_timeout = '100ms'
as $$
declare
    v_max_xid pg_catalog.xid8;
    v_max_id bigint;
begin
    execute format('lock table jobstream.%I in access exclusive mode', p_name);
    execute format(
        'select (select e.xid from jobstream.%1$I as e order by e.xid desc limit 1), max(e.id) from jobstream.%1$I as e',
        p_name
    ) into v_max_xid, v_max_id;
    execute format('alter table jobstream.job_events detach partition jobstream.%I', p_name);
    execute format('drop table jobstream.%I', p_name);
    update jobstream.event_horizon as h
    set
        max_xid = case when v_max_xid > h.max_xid then v_max_xid else h.max_xid end,
        max_id = greatest(h.max_id, v_max_id)
    where v_max_id is not null;
    return true;
exception
    when lock_not_available then
        return false;
end
$$;

comment on function jobstream.drop_event_day(text) is
'Drops a partition of job_events; false: could not get its locks in time.';
