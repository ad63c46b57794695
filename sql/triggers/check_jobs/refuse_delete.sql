create function jobstream.refuse_delete()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform jobstream.refuse('JS409', 'a job that is ' || old.status || ' cannot be deleted: ' || old.id);
    return null;
end
$$;

comment on function jobstream.refuse_delete() is 'Trigger: only ended jobs can be deleted.';

create trigger refuse_delete
before delete on jobstream.jobs
for each row
when (old.status not in ('done', 'dlq', 'cancelled'))
execute function jobstream.refuse_delete();
