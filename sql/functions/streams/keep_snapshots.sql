create function jobstream.keep_snapshots(names text[], snapshots text[])
returns void
language sql
security definer
set search_path = ''
as $$
    insert into jobstream.stream_snapshots (name, snapshot)
    select u.name, u.snapshot
    from unnest(keep_snapshots.names, keep_snapshots.snapshots) as u (name, snapshot)
    on conflict (name) do update set snapshot = excluded.snapshot, created_at = jobstream.clock()
$$;

comment on function jobstream.keep_snapshots(text[], text[]) is
'Keeps snapshots that are too long for a cursor''s token.';
