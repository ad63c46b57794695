-- The registry of workers. A worker with a session of its own holds the advisory lock (1785688947, number) there and says
-- so with attach_worker; when that lock has been gone for 3 s its jobs are rescued without waiting for their leases. A
-- worker that loses the session withdraws at once (detach_worker): then only leases count.

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

create function jobstream.attach_worker(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    update jobstream.workers as w
    set backend_pid = pg_backend_pid(), locked_at = jobstream.clock(), lock_lost_at = null
    where w.id = attach_worker.name
$$;

comment on function jobstream.attach_worker(text) is
'Says that this session holds the worker''s advisory lock.';

create function jobstream.detach_worker(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    update jobstream.workers as w
    set backend_pid = null, locked_at = null, lock_lost_at = null
    where w.id = detach_worker.name
$$;

comment on function jobstream.detach_worker(text) is
'Says that the worker''s advisory lock means nothing any more: only its leases count.';

create function jobstream.touch_worker(name text, running integer, cpu_percent real, memory_bytes bigint)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
    update jobstream.workers as w
    set
        running = touch_worker.running,
        cpu_percent = touch_worker.cpu_percent,
        memory_bytes = touch_worker.memory_bytes,
        seen_at = jobstream.clock()
    where w.id = touch_worker.name;
    return found;
end
$$;

comment on function jobstream.touch_worker(text, integer, real, bigint) is
'A sign of life; false: the worker has no row and should register.';

create function jobstream.remove_worker(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    delete from jobstream.workers as w where w.id = remove_worker.name
$$;

comment on function jobstream.remove_worker(text) is 'A worker stopped cleanly.';
