create function jobstream.verb()
returns text
language sql
stable
as $$
    select coalesce(pg_catalog.current_setting('jobstream.verb', true), '')
$$;

comment on function jobstream.verb() is
'The function of this schema at work; empty: plain SQL.';
