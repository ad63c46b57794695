create function jobstream.remove_worker(name text)
returns void
language sql
security definer
set search_path = ''
as $$
    delete from jobstream.workers as w where w.id = remove_worker.name
$$;

comment on function jobstream.remove_worker(text) is 'A worker stopped cleanly.';
