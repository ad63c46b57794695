-- Returns when the log is flushed up to everything that any transaction has done by now. A cursor is a snapshot, and a
-- crash hands out again the ids of transactions whose end was not flushed, rolled back ones too: a cursor that had seen
-- them end would pass over the events of their namesakes.
create function jobstream.flush_wal()
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
    if pg_catalog.pg_current_wal_insert_lsn() <= pg_catalog.pg_current_wal_flush_lsn() then
        return;
    end if;
    if pg_catalog.current_setting('server_version_num')::integer >= 170000 then
        perform pg_catalog.pg_logical_emit_message(false, 'jobstream', '', true);
    else
        -- The commit of this statement's transaction flushes.
        perform pg_catalog.set_config('synchronous_commit', 'local', true);
        perform pg_catalog.pg_logical_emit_message(true, 'jobstream', '');
    end if;
end
$$;

comment on function jobstream.flush_wal() is
'Returns when the log is flushed up to now: a cursor handed out after it outlives a crash.';
