-- Bytes of a JSON value as text without white space, as programs send it: the blanks outside of texts are jsonb's own.
create function jobstream.json_length(p_json jsonb)
returns integer
language sql
immutable
as $$
    select pg_catalog.octet_length(p_json::pg_catalog.text) - pg_catalog.octet_length(outside.line)
        + pg_catalog.octet_length(pg_catalog.replace(outside.line, ' ', ''))
    from (select pg_catalog.regexp_replace(p_json::pg_catalog.text, '"(?:\\.|[^"\\])*"', '', 'g') as line) as outside
$$;

comment on function jobstream.json_length(jsonb) is 'Bytes of a JSON value as text without white space.';
