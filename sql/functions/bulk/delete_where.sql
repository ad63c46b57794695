create function jobstream.delete_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('delete', filter, dry_run, delete_where.owner) as s
$$;

comment on function jobstream.delete_where(jsonb, boolean, text) is
'Deletes all ended jobs that match. First look: dry_run is true by default.';
