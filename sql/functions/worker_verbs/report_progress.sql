create function jobstream.report_progress(
    id text, attempt integer, current numeric, total numeric default null, step text default null,
    cost_usd numeric default null
)
returns boolean
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
    v_elapsed numeric;
begin
    perform jobstream.act_as('work');
    if report_progress.current is null or not report_progress.current between 0 and 1e18 then
        perform jobstream.refuse('JS400', 'current must be a number from 0 to 1e18', '{"field": "current"}');
    elsif not report_progress.total between 0 and 1e18 then
        perform jobstream.refuse('JS400', 'total must be a number from 0 to 1e18', '{"field": "total"}');
    elsif char_length(report_progress.step) > 1024 then
        perform jobstream.refuse('JS400', 'step must be at most 1024 characters', '{"field": "step"}');
    elsif report_progress.cost_usd < 0 or report_progress.cost_usd > 1e18 then
        perform jobstream.refuse('JS400', 'cost_usd must be a number from 0 to 1e18', '{"field": "cost_usd"}');
    end if;
    v_job := jobstream.lock_attempt(report_progress.id, report_progress.attempt, 'none');
    v_elapsed := extract(epoch from jobstream.clock() - v_job.started_at);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        cost_usd = coalesce(report_progress.cost_usd, j.cost_usd),
        progress = jsonb_build_object(
            'current', report_progress.current,
            'total', report_progress.total,
            'percent', case
                when report_progress.total > 0
                then round(100 * least(report_progress.current / report_progress.total, 1), 1)
            end,
            'step', report_progress.step,
            'eta_secs', case
                when report_progress.total > 0 and report_progress.current > 0
                then least(ceil(
                    v_elapsed * greatest(report_progress.total - report_progress.current, 0) / report_progress.current
                ), 1e9)
            end
        )
    where j.id = report_progress.id;
    return v_job.cancel_requested;
end
$$;

comment on function jobstream.report_progress(text, integer, numeric, numeric, text, numeric) is
'Says how far an attempt is; answers whether it was asked to stop.';
