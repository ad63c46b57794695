create function jobstream.error_text(p_entry jsonb)
returns text
language sql
immutable
as $$
    select pg_catalog.concat_ws(': ', p_entry ->> 'type', p_entry ->> 'message')
$$;

comment on function jobstream.error_text(jsonb) is 'An entry of jobs.errors as one text.';
