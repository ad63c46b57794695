-- A plain UPDATE may take a job out of its key or queue: then the old key has room.
create function jobstream.pass_left_keys()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
begin
    insert into jobstream.leftovers (queue, concurrency_key)
    select distinct o.queue, o.concurrency_key
    from old_rows as o
    inner join new_rows as n on o.id = n.id
    where o.concurrency_key is not null
        and o.status in ('pending', 'running')
        and (o.queue <> n.queue or n.concurrency_key is distinct from o.concurrency_key);
    return null;
end
$$;

comment on function jobstream.pass_left_keys() is
'Trigger: notes the concurrency keys that jobs have left by a plain UPDATE.';

create trigger pass_left_keys
after update on jobstream.jobs
referencing old table as old_rows new table as new_rows
for each statement
when (coalesce(pg_catalog.current_setting('jobstream.verb', true), '') = '')
execute function jobstream.pass_left_keys();
