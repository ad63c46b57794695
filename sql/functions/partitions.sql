-- Days of job_events: made 14 ahead and dropped by age. A plain CREATE ... PARTITION OF or DROP waits behind any reader,
-- and all writers behind it: so a partition is made apart and attached, and each step gives up after 100 ms, to be
-- tried again next time.

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

-- Deletes what is old in the net, where a day had no partition.
create function jobstream.prune_event_net(p_before timestamptz)
returns void
language sql
volatile
set search_path = ''
as $$
    with gone as (
        delete from jobstream.job_events_rest as e
        where e.ctid = any (array(select r.ctid from jobstream.job_events_rest as r where r.at < p_before limit 10000))
        returning e.xid, e.id
    )

    update jobstream.event_horizon as h
    set
        max_xid = (select g.xid from gone as g union all select h.max_xid order by xid desc limit 1),
        max_id = (select greatest(max(g.id), h.max_id) from gone as g)
    where exists (select from gone)
$$;

comment on function jobstream.prune_event_net(timestamptz) is
'Deletes old events that lie in no day''s partition, a batch.';

-- How many days events are kept, for every process on this database. JS400 outside of 1 to 3650. Writes: settings.
create function jobstream.set_event_retention(days integer)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if days is null or days not between 1 and 3650 then
        perform jobstream.refuse('JS400', 'days must be 1 to 3650', jsonb_build_object('field', 'days'));
    end if;
    update jobstream.settings as s
    set value = days::pg_catalog.text
    where s.name = 'event_retention_days' and s.value <> days::pg_catalog.text;
end
$$;

comment on function jobstream.set_event_retention(integer) is
'How many days events are kept, and streams can be resumed: 1 to 3650.';

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
