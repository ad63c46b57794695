-- Without jobstream_work or jobstream_operate a database user acts only for its own name and for nobody.
-- A definer's function: current_user is the owner of the schema here.
create function jobstream.may_touch(p_owner text)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select p_owner in ('', session_user)
        or pg_has_role(session_user, current_user, 'member')
        or exists (
            select from pg_catalog.pg_roles as r
            where r.rolname in ('jobstream_work', 'jobstream_operate') and pg_has_role(session_user, r.oid, 'member')
        )
$$;

comment on function jobstream.may_touch(text) is
'Whether this database user may steer jobs of that owner.';
