-- The verb at work, for events: each public function that writes jobs names its own at its start, and a plain UPDATE
-- clears it (check_update). It is not a SET clause of the functions, because only a superuser may create those with a
-- setting of one's own.
create function jobstream.act_as(p_verb text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if current_setting('jobstream.verb', true) is distinct from p_verb then
        perform set_config('jobstream.verb', p_verb, true);
    end if;
end
$$;

comment on function jobstream.act_as(text) is 'Names the verb at work, until the transaction ends or another is named.';

create function jobstream.verb()
returns text
language sql
stable
as $$
    select coalesce(pg_catalog.current_setting('jobstream.verb', true), '')
$$;

comment on function jobstream.verb() is
'The function of this schema at work; empty: plain SQL.';

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

-- Who is at work, for events: null for a worker's own verbs. A principal is whom a program says that it acts for: only
-- those are believed who may act for others.
create function jobstream.actor()
returns text
language sql
stable
as $$
    select case
        when jobstream.verb() = 'work' then null
        when jobstream.verb() = 'maintain' then 'maintenance'
        else coalesce(
            (
                select s.principal
                from (select nullif(pg_catalog.current_setting('jobstream.principal', true), '')) as s (principal)
                where s.principal is not null and jobstream.may_touch(s.principal)
            ),
            pg_catalog.concat_ws('/', session_user, nullif(pg_catalog.current_setting('application_name'), ''))
        )
    end
$$;

comment on function jobstream.actor() is
'Who acts: principal, or database user and application; null for a worker.';

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
