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
