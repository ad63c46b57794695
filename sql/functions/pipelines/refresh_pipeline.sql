-- Computes a pipeline's row from its jobs, and writes it and an event where that changed it. Locks the pipeline's row, so
-- for one pipeline too the order of ids is the order of commits. False: somebody else has locked it; call again later.
create function jobstream.refresh_pipeline(p_id text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_old jobstream.pipelines;
    v_new pg_catalog.record;
begin
    select p.* into v_old from jobstream.pipelines as p where p.id = p_id for update skip locked;
    if not found then
        return not exists (select from jobstream.pipelines as p where p.id = p_id);
    end if;
    select
        count(*) filter (where j.status = 'done') as step,
        coalesce(
            array_agg(j.pipeline_step order by j.id) filter (where j.status in ('pending', 'running', 'failed')), '{}'
        ) as current_steps,
        (
            array_agg(j.pipeline_step order by j.completed_at, j.id) filter (
                where j.status = 'dlq' or (j.status = 'cancelled' and j.reason <> 'upstream')
            )
        )[1] as failed_step,
        case
            when bool_and(j.status = 'done') then 'done'
            when bool_and(j.status in ('done', 'dlq', 'cancelled')) and bool_or(j.status = 'dlq') then 'failed'
            when bool_and(j.status in ('done', 'dlq', 'cancelled')) then 'cancelled'
            when bool_or(j.status in ('done', 'running', 'failed', 'dlq') or j.attempt > 0) then 'running'
            else 'waiting'
        end as status
    into v_new
    from jobstream.jobs as j
    where j.pipeline_id = p_id;
    if v_new.status is null or (v_new.step, v_new.current_steps, v_new.failed_step, v_new.status)
        is not distinct from (v_old.step::bigint, v_old.current_steps, v_old.failed_step, v_old.status)
    then
        return true;
    end if;
    update jobstream.pipelines as p
    set
        step = v_new.step,
        current_steps = v_new.current_steps,
        failed_step = v_new.failed_step,
        status = v_new.status,
        completed_at = case when v_new.status in ('done', 'failed', 'cancelled') then jobstream.clock() end
    where p.id = p_id;
    insert into jobstream.job_events (type, owner, pipeline_id, by, data)
    values (
        'pipeline', v_old.owner, p_id, jobstream.actor(),
        jsonb_build_object(
            'name', v_old.name, 'status', v_new.status, 'step', v_new.step, 'total_steps', v_old.total_steps,
            'current', v_new.current_steps, 'failed_step', v_new.failed_step
        )
    );
    return true;
end
$$;

comment on function jobstream.refresh_pipeline(text) is
'Computes a pipeline''s row from its jobs; an event where that changed it.';
