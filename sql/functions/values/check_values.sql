-- The values of a row that plain SQL wrote: what enqueue would refuse, and what workers and programs could not read.
create function jobstream.check_values(p_job jobstream.jobs)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_fault pg_catalog.text := coalesce(
        array_to_string(jobstream.new_job_fault(row(
            p_job.id, 1, p_job.kind, p_job.args, p_job.queue, p_job.priority, p_job.scheduled_at, null, p_job.deadline,
            p_job.idempotency_key, p_job.max_attempts, p_job.backoff, p_job.timeout_seconds, p_job.labels,
            p_job.concurrency_key, p_job.await_jobs, p_job.await_for,
            case when p_job.unique_key is not null then coalesce(p_job.unique_for, 'active') end, p_job.unique_key,
            p_job.owner, p_job.triggered_by, p_job.parent_job, p_job.class, p_job.mode, p_job.scope, p_job.trigger,
            p_job.pipeline_id, p_job.pipeline_step, p_job.cron_expr, p_job.traceparent
        )::jobstream.new_job), ' '),
        'result ' || jobstream.json_fault(p_job.result),
        'started_at ' || jobstream.time_fault(p_job.started_at),
        'completed_at ' || jobstream.time_fault(p_job.completed_at),
        'lease_until ' || jobstream.time_fault(p_job.lease_until),
        case when jsonb_typeof(p_job.errors) <> 'array' then 'errors must be an array' end,
        case when jsonb_typeof(p_job.progress) <> 'object' then 'progress must be an object' end,
        case when not p_job.cost_usd between 0 and 1e18 then 'cost_usd must be a number from 0 to 1e18' end,
        case
            when p_job.trigger not in ('demand', 'schedule', 'pipeline', 'retry')
            then 'trigger must be demand, schedule, pipeline or retry'
        end
    );
begin
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault);
    end if;
end
$$;

comment on function jobstream.check_values(jobstream.jobs) is
'Refuses (JS400) values that enqueue would refuse.';
