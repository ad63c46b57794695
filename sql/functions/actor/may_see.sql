create function jobstream.may_see(p_owner text)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select jobstream.may_touch(p_owner)
        or exists (
            select from pg_catalog.pg_roles as r
            where r.rolname = 'jobstream_read' and pg_has_role(session_user, r.oid, 'member')
        )
$$;

comment on function jobstream.may_see(text) is
'Whether this database user may see jobs of that owner.';
