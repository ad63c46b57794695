create function jobstream.cancel_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('cancel', filter, dry_run, cancel_where.owner) as s
$$;

comment on function jobstream.cancel_where(jsonb, boolean, text) is
'Cancels all waiting, pending and failed jobs that match. First look: dry_run is true by default.';
