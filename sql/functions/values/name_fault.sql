create function jobstream.name_fault(p_name text)
returns text
language sql
immutable
as $$
    select case
        when p_name is null then 'is missing'
        when p_name !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]*$' or pg_catalog.char_length(p_name) > 128
        then 'must be 1 to 128 of A-Z a-z 0-9 _ . : - and begin with a letter or digit'
    end
$$;

comment on function jobstream.name_fault(text) is 'What is wrong with the name of a queue or kind; null: nothing.';
