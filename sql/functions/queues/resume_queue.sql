create function jobstream.resume_queue(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    select jobstream.set_queue(resume_queue.name, paused => false)
$$;

comment on function jobstream.resume_queue(text) is 'The queue hands out jobs again.';
