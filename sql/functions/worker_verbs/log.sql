create function jobstream.log(id text, attempt integer, message text, level text default 'info')
returns void
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
    perform jobstream.act_as('work');
    if log.message is null or octet_length(log.message) > 8192 then
        perform jobstream.refuse('JS400', 'message must be at most 8 KiB', '{"field": "message"}');
    elsif log.level is null or log.level not in ('debug', 'info', 'warning', 'error', 'critical') then
        perform jobstream.refuse(
            'JS400', 'level must be debug, info, warning, error or critical', '{"field": "level"}'
        );
    end if;
    perform jobstream.add_event(
        jobstream.lock_attempt(log.id, log.attempt, 'none'), 'log',
        jsonb_build_object('level', log.level, 'message', log.message)
    );
end
$$;

comment on function jobstream.log(text, integer, text, text) is 'A line of log on the job''s stream; at most 8 KiB.';
