create function jobstream.emit(id text, attempt integer, type text, data jsonb default '{}')
returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    perform jobstream.act_as('work');
    if emit.type is null or emit.type !~ '^[a-z][a-z0-9_.-]{0,63}$' or emit.type in (
        'status', 'progress', 'log', 'updated', 'deleted', 'pipeline', 'hello', 'heartbeat', 'reset', 'end',
        'overloaded', 'summary', 'message', 'open', 'error'
    ) then
        perform jobstream.refuse(
            'JS400', 'type must be [a-z][a-z0-9_.-]{0,63} and none of the product''s own types', '{"field": "type"}'
        );
    elsif pg_column_size(emit.data) > 10000 and octet_length(emit.data::pg_catalog.text) > 65536
        and jobstream.json_length(emit.data) > 65536
    then
        perform jobstream.refuse('JS400', 'data must be at most 64 KiB', '{"field": "data"}');
    end if;
    perform jobstream.add_event(
        jobstream.lock_attempt(emit.id, emit.attempt, 'none'), emit.type, coalesce(emit.data, '{}')
    );
end
$$;

comment on function jobstream.emit(text, integer, text, jsonb) is
'An event of the user''s own type on the job''s stream; data at most 64 KiB.';
