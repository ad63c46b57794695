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
