-- Cursors are good for one history of transactions: this cluster, its timeline, this database of it, and a value that is
-- made anew when events are rebased.
create function jobstream.epoch_parts()
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select concat_ws(
        ':', c.system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8), d.oid, s.value
    )
    from pg_control_system() as c
    cross join jobstream.settings as s
    inner join pg_catalog.pg_database as d on d.datname = current_database()
    where s.name = 'epoch'
$$;

comment on function jobstream.epoch_parts() is
'What an epoch is made of: system identifier, timeline, database, stored value.';
