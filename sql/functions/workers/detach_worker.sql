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
