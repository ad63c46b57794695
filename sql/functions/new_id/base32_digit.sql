create function jobstream.base32_digit(p_value bigint, p_place integer)
returns text
language sql
immutable
as $$
    select pg_catalog.substr(
        '0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((p_value >> (5 * p_place)) & 31)::integer + 1, 1
    )
$$;

comment on function jobstream.base32_digit(bigint, integer) is
'One digit of a number in Crockford''s base32; place 0 is the last.';
