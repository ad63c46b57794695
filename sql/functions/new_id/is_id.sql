create function jobstream.is_id(p_text text)
returns boolean
language sql
immutable
as $$
    select coalesce(p_text ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$', false)
$$;

comment on function jobstream.is_id(text) is
'Whether a text has the form of an id.';
