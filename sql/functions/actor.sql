-- The verb at work is a setting attached to each function (set jobstream.verb = ...): it holds while the function runs,
-- triggers included, and is empty for plain SQL.
create function jobstream.verb()
returns text
language sql
stable
as $$
    select coalesce(pg_catalog.current_setting('jobstream.verb', true), '')
$$;

comment on function jobstream.verb() is
'The function of this schema at work; empty: plain SQL.';

-- Who is at work, for events: null for a worker's own verbs.
create function jobstream.actor()
returns text
language sql
stable
as $$
    select case
        when jobstream.verb() in ('work', 'follow') then null
        when jobstream.verb() = 'maintain' then 'maintenance'
        else coalesce(
            nullif(pg_catalog.current_setting('jobstream.principal', true), ''),
            pg_catalog.concat_ws('/', session_user, nullif(pg_catalog.current_setting('application_name'), ''))
        )
    end
$$;

comment on function jobstream.actor() is
'Who acts: principal, or database user and application; null for a worker.';

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
'Whether this database user may see and steer jobs of that owner.';
