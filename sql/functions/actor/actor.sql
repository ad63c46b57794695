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
