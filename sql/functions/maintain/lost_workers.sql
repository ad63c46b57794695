-- Notes which workers' advisory locks are gone, and names those gone for 3 s. A lock taken before the server's start says
-- nothing, nor does a worker that withdrew (backend_pid null).
create function jobstream.lost_workers()
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    if not exists (select from jobstream.workers as w where w.backend_pid is not null) then
        return '{}';
    end if;
    update jobstream.workers as w
    set lock_lost_at = case when seen.is_held then null else v_now end
    from (
        select
            k.id,
            exists (
                select from pg_catalog.pg_locks as l
                where l.locktype = 'advisory'
                    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
                    and l.classid = 1785688947
                    and l.objid = k.number::pg_catalog.oid
                    and l.objsubid = 2
                    and l.granted
            ) as is_held
        from jobstream.workers as k
        where k.backend_pid is not null and k.locked_at > pg_postmaster_start_time()
        for update skip locked
    ) as seen
    where w.id = seen.id and seen.is_held = (w.lock_lost_at is not null);

    return array(
        select w.id
        from jobstream.workers as w
        where w.backend_pid is not null and w.lock_lost_at <= v_now - interval '3 s'
    );
end
$$;

comment on function jobstream.lost_workers() is 'Workers whose advisory lock has been gone for 3 s.';
