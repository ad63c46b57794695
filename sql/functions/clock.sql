-- The one clock of the product: the database's. Tests replace this function, nothing else reads the time.
create function jobstream.clock()
returns timestamptz
language sql
volatile
as $$
    select pg_catalog.clock_timestamp()
$$;

comment on function jobstream.clock() is
'The only clock: every time in this schema comes from here.';
