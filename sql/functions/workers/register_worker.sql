create function jobstream.register_worker(
    name text, host text, pid integer, version text, queues text[], kinds text[], concurrency integer
)
returns integer
language sql
security definer
set search_path = ''
as $$
    insert into jobstream.workers as w (id, host, pid, version, queues, kinds, concurrency)
    values (
        register_worker.name, register_worker.host, register_worker.pid, register_worker.version,
        register_worker.queues, register_worker.kinds, register_worker.concurrency
    )
    on conflict (id) do update
    set
        host = excluded.host,
        pid = excluded.pid,
        version = excluded.version,
        queues = excluded.queues,
        kinds = excluded.kinds,
        concurrency = excluded.concurrency,
        seen_at = jobstream.clock()
    returning w.number
$$;

comment on function jobstream.register_worker(text, text, integer, text, text[], text[], integer) is
'Makes or renews a worker''s row; answers the number of its advisory lock.';
