create function jobstream.pause_queue(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    select jobstream.set_queue(pause_queue.name, paused => true)
$$;

comment on function jobstream.pause_queue(text) is 'The queue accepts jobs and hands none out.';
