-- pg_column_size is cheap and at most six times smaller than the text (control characters are escaped in text).
create function jobstream.json_fault(p_json jsonb)
returns text
language sql
immutable
as $$
    select case
        when pg_catalog.pg_column_size(p_json) > 170000 and pg_catalog.octet_length(p_json::pg_catalog.text) > 1048576
            and jobstream.json_length(p_json) > 1048576
        then 'is over 1 MiB'
    end
$$;

comment on function jobstream.json_fault(jsonb) is 'What is wrong with the size of args or a result; null: nothing.';
