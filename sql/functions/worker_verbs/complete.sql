create function jobstream.complete(id text, attempt integer, result jsonb default null, cost_usd numeric default null)
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_fault pg_catalog.text := jobstream.json_fault(complete.result);
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('work');
    if v_fault is not null then
        perform jobstream.refuse('JS400', 'result ' || v_fault, '{"field": "result"}');
    elsif complete.cost_usd < 0 or complete.cost_usd > 1e18 then
        perform jobstream.refuse('JS400', 'cost_usd must be a number from 0 to 1e18', '{"field": "cost_usd"}');
    end if;
    v_job := jobstream.lock_attempt(complete.id, complete.attempt, 'complete');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = complete.id);
    end if;
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'done',
        completed_at = jobstream.clock(),
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        result = complete.result,
        cost_usd = coalesce(complete.cost_usd, j.cost_usd),
        ended_attempt = j.attempt,
        ended_verb = 'complete'
    where j.id = complete.id;
    return 'done';
end
$$;

comment on function jobstream.complete(text, integer, jsonb, numeric) is
'Ends an attempt well; answers the status after. JS410: the lease is lost.';
