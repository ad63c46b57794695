-- The housekeeping that need not happen every second: at most once a minute over all callers.
create function jobstream.keep_house()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_kept_days integer;
    v_is_more boolean;
begin
    perform from jobstream.settings as s
    where s.name = 'house_kept_at'
        and (s.value::numeric < extract(epoch from v_now) - 60 or s.value::numeric > extract(epoch from v_now))
    for update skip locked;
    if not found then
        return false;
    end if;
    update jobstream.settings as s set value = extract(epoch from v_now)::pg_catalog.text where s.name = 'house_kept_at';
    v_is_more := jobstream.prune_jobs();
    select s.value::integer into v_kept_days from jobstream.settings as s where s.name = 'event_retention_days';
    delete from jobstream.stream_snapshots as s where s.created_at < v_now - make_interval(days => v_kept_days + 1);
    delete from jobstream.workers as w where w.seen_at < v_now - interval '1 day';
    delete from jobstream.schedule_runs as r where r.due_at < v_now - interval '30 days';
    delete from jobstream.tokens as t where t.expires_at < v_now - interval '30 days';
    delete from jobstream.bulk_operations as b where b.completed_at < v_now - interval '30 days';
    if v_is_more then
        update jobstream.settings as s set value = '0' where s.name = 'house_kept_at';
    end if;
    if not jobstream.keep_event_days() then
        raise notice 'jobstream: partitions of job_events wait for a lock; tried again next time';
    end if;
    return v_is_more;
end
$$;

comment on function jobstream.keep_house() is
'Retention and partitions, at most once a minute; true: there is more to delete at once.';
