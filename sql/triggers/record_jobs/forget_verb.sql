-- What a session says of itself is not believed in a DELETE of its own: those who are subject to row security are not
-- the functions of this schema.
create function jobstream.forget_verb()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform set_config('jobstream.verb', '', true);
    return null;
end
$$;

comment on function jobstream.forget_verb() is 'Trigger: a plain DELETE is nobody''s verb.';

create trigger forget_verb
before delete on jobstream.jobs
for each statement
when (pg_catalog.row_security_active('jobstream.jobs'::regclass))
execute function jobstream.forget_verb();
