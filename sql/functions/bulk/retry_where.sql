create function jobstream.retry_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('retry', filter, dry_run, retry_where.owner) as s
$$;

comment on function jobstream.retry_where(jsonb, boolean, text) is
'Retries all failed and ended jobs that match. First look: dry_run is true by default.';
