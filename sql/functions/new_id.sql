-- Ids are ULIDs: 10 characters of milliseconds, 6 of a sequence, 10 random. The sequence makes ids rise within a
-- statement and a millisecond; the random part (hexadecimal digits, a subset of Crockford's alphabet) keeps ids of
-- several databases apart. Time and tail are apart so that a bulk statement computes the time once.
create sequence jobstream.id_sequence as bigint cache 32;

comment on sequence jobstream.id_sequence is
'Middle part of every id made by jobstream.new_id().';

create function jobstream.base32(p_value bigint, p_digits integer)
returns text
language sql
immutable
as $$
    select pg_catalog.string_agg(
        pg_catalog.substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((p_value >> (5 * digit)) & 31)::integer + 1, 1),
        '' order by digit desc
    )
    from pg_catalog.generate_series(0, p_digits - 1) as digit
$$;

comment on function jobstream.base32(bigint, integer) is
'Crockford base32 of a number, as a fixed number of digits.';

create function jobstream.id_time(p_at timestamptz)
returns text
language sql
immutable
as $$
    select jobstream.base32(pg_catalog.floor(extract(epoch from p_at) * 1000)::bigint, 10)
$$;

comment on function jobstream.id_time(timestamptz) is
'First ten characters of an id made at that time: the lower bound of a range of ids.';

create function jobstream.id_tail()
returns text
language sql
volatile
as $$
    select
        pg_catalog.substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((n >> 25) & 31)::integer + 1, 1)
        || pg_catalog.substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((n >> 20) & 31)::integer + 1, 1)
        || pg_catalog.substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((n >> 15) & 31)::integer + 1, 1)
        || pg_catalog.substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((n >> 10) & 31)::integer + 1, 1)
        || pg_catalog.substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((n >> 5) & 31)::integer + 1, 1)
        || pg_catalog.substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (n & 31)::integer + 1, 1)
        || pg_catalog.upper(pg_catalog.left(r, 8) || pg_catalog.substr(r, 10, 2))
    from (
        select
            pg_catalog.nextval('jobstream.id_sequence'::regclass) as n,
            pg_catalog.gen_random_uuid()::text as r
        offset 0
    ) as drawn
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
