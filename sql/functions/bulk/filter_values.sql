-- A value of a filter as an array of texts: a text, a number or an array of them.
create function jobstream.filter_values(p_filter jsonb, p_name text)
returns text[]
language sql
immutable
as $$
    select case pg_catalog.jsonb_typeof(p_filter -> p_name)
        when 'array' then array(select v.value from pg_catalog.jsonb_array_elements_text(p_filter -> p_name) as v)
        when 'null' then null
        else array[p_filter ->> p_name]
    end
    where p_filter ? p_name
$$;

comment on function jobstream.filter_values(jsonb, text) is 'The values of one name of a filter; null: not asked for.';
