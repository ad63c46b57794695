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
