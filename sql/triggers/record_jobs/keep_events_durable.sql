-- A stream may deliver what a commit with synchronous_commit = off could still take back in a crash, and then hand its
-- xid out again: such transactions are raised to local.
create function jobstream.keep_events_durable()
returns void
language plpgsql
volatile
as $$
begin
    if pg_catalog.current_setting('synchronous_commit') = 'off' then
        perform pg_catalog.set_config('synchronous_commit', 'local', true);
    end if;
end
$$;

comment on function jobstream.keep_events_durable() is
'Raises synchronous_commit from off to local for this transaction.';
