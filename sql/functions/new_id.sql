-- Ids are ULIDs: 10 characters of milliseconds, 10 of a sequence, 6 random. The sequence makes ids rise within a
-- statement and a millisecond; the random part keeps ids of several databases apart. Sequence and random part are
-- hexadecimal, a subset of Crockford's alphabet, which PostgreSQL prints at a tenth of the cost of base32. Time and tail
-- are apart so that a bulk statement computes the time once; both are single expressions, so that they are inlined.
create sequence jobstream.id_sequence as bigint cache 32;

comment on sequence jobstream.id_sequence is
'Middle part of every id made by jobstream.new_id().';

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

create function jobstream.id_time(p_at timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
    select string_agg(jobstream.base32_digit(floor(extract(epoch from p_at) * 1000)::bigint, place), '' order by place desc)
    from generate_series(0, 9) as place
$$;

comment on function jobstream.id_time(timestamptz) is
'First ten characters of an id made at that time: the lower bound of a range of ids.';

create function jobstream.id_tail()
returns text
language sql
volatile
as $$
    select pg_catalog.upper(
        pg_catalog.lpad(
            pg_catalog.to_hex(pg_catalog.nextval('jobstream.id_sequence'::pg_catalog.regclass) & 1099511627775), 10, '0'
        )
        || pg_catalog.lpad(pg_catalog.to_hex((pg_catalog.random() * 16777215)::integer), 6, '0')
    )
$$;

comment on function jobstream.id_tail() is
'Last sixteen characters of a new id: sequence and random.';

create function jobstream.new_id()
returns text
language sql
volatile
as $$
    select jobstream.id_time(jobstream.clock()) || jobstream.id_tail()
$$;

comment on function jobstream.new_id() is
'A new ULID: 26 upper-case characters that rise with time. Ids are made here and nowhere else.';

create function jobstream.is_id(p_text text)
returns boolean
language sql
immutable
as $$
    select coalesce(p_text ~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$', false)
$$;

comment on function jobstream.is_id(text) is
'Whether a text has the form of an id.';
