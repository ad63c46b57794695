-- True for the first of a transaction's rows that asks: the later ones of the same transaction need no bell.
create function jobstream.first_ring(p_setting text, p_ring text)
returns boolean
language sql
volatile
as $$
    select case
        when pg_catalog.current_setting(p_setting, true) is distinct from p_ring
        then pg_catalog.set_config(p_setting, p_ring, true) is not null
        else false
    end
$$;

comment on function jobstream.first_ring(text, text) is
'Whether this transaction asks for that ring for the first time.';
