create function jobstream.labels_fault(p_labels jsonb)
returns text
language sql
immutable
as $$
    select case
        when p_labels is null or p_labels = '{}' then null
        when pg_catalog.jsonb_typeof(p_labels) <> 'object' then 'must be an object'
        when (select pg_catalog.count(*) from pg_catalog.jsonb_object_keys(p_labels)) > 32
        then 'more than 32 labels'
        when exists (
            select from pg_catalog.jsonb_each(p_labels) as l
            where pg_catalog.jsonb_typeof(l.value) <> 'string'
                or pg_catalog.char_length(l.value #>> '{}') > 128
                or pg_catalog.char_length(l.key) not between 1 and 128
                or l.key ~ ':'
        )
        then 'names (without a colon) and values must be texts of at most 128 characters'
    end
$$;

comment on function jobstream.labels_fault(jsonb) is 'What is wrong with labels; null: nothing.';
