-- Pipelines: jobs that depend on each other, created in one call, layer by layer, so that each step's upstreams exist.

-- A request in the form of HTTP, {spec, scheduling, retry}, as one in enqueue's names; any other stays as it is.
create function jobstream.flat_request(p_request jsonb)
returns jsonb
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_request) <> 'object' then p_request
        else f.flat - '{unique,delay_seconds}'::pg_catalog.text[]
            || case when f.flat ? 'unique' then pg_catalog.jsonb_build_object('unique_for', f.flat -> 'unique') else '{}' end
            || case when f.flat ? 'delay_seconds' then pg_catalog.jsonb_build_object('delay', f.flat -> 'delay_seconds') else '{}' end
    end
    from (
        select (p_request - '{spec,scheduling,retry}'::pg_catalog.text[])
            || case when pg_catalog.jsonb_typeof(p_request -> 'spec') = 'object' then p_request -> 'spec' else '{}' end
            || case when pg_catalog.jsonb_typeof(p_request -> 'scheduling') = 'object' then p_request -> 'scheduling' else '{}' end
            || case when pg_catalog.jsonb_typeof(p_request -> 'retry') = 'object' then p_request -> 'retry' else '{}' end as flat
    ) as f
$$;

comment on function jobstream.flat_request(jsonb) is
'A request in the form of HTTP in the names of enqueue''s parameters.';

-- What is wrong with the steps of a pipeline; null: nothing.
create function jobstream.steps_fault(p_steps jsonb)
returns text
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_steps) is distinct from 'array' then 'steps must be an array'
        when pg_catalog.jsonb_array_length(p_steps) not between 1 and 1000 then 'a pipeline has 1 to 1000 steps'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where pg_catalog.jsonb_typeof(s.step) <> 'object'
        )
        then 'each step must be an object'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where coalesce(s.step ->> 'key', '') !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'
        )
        then 'each step needs a key of 1 to 128 of A-Z a-z 0-9 _ . : -'
        when (
            select pg_catalog.count(*) <> pg_catalog.count(distinct s.step ->> 'key')
            from pg_catalog.jsonb_array_elements(p_steps) as s (step)
        )
        then 'keys of steps must differ'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where s.step ? 'after' and pg_catalog.jsonb_typeof(s.step -> 'after') <> 'array'
        )
        then 'after must be an array of keys'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where pg_catalog.jsonb_typeof(jobstream.flat_request(s.step) -> 'await_jobs') not in ('array', 'null')
        )
        then 'await_jobs must be an array of ids'
    end
$$;

comment on function jobstream.steps_fault(jsonb) is 'What is wrong with the steps of a pipeline; null: nothing.';

create function jobstream.unknown_step(p_steps jsonb)
returns text
language sql
immutable
as $$
    select pg_catalog.min(coalesce(a.key, 'null'))
    from pg_catalog.jsonb_array_elements(p_steps) as s (step)
    cross join lateral pg_catalog.jsonb_array_elements_text(
        coalesce(nullif(s.step -> 'after', 'null'), '[]')
    ) as a (key)
    where not exists (
        select from pg_catalog.jsonb_array_elements(p_steps) as t (step) where t.step ->> 'key' = a.key
    )
$$;

comment on function jobstream.unknown_step(jsonb) is 'A key in after that no step bears; null: none.';

create function jobstream.create_pipeline(
    name text,
    steps jsonb,
    idempotency_key text default null,
    owner text default '',
    triggered_by text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
as $$
declare
    v_fault pg_catalog.text := jobstream.steps_fault(create_pipeline.steps);
    v_steps pg_catalog.jsonb;
    v_unknown pg_catalog.text;
    v_print pg_catalog.bytea;
    v_pipeline jobstream.pipelines;
    v_left pg_catalog.jsonb;
    v_layer pg_catalog.jsonb;
    v_new jobstream.new_job[];
    v_jobs pg_catalog.jsonb := '{}';
begin
    perform jobstream.act_as('enqueue');
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault, '{"field": "steps"}');
    elsif create_pipeline.name is null or char_length(create_pipeline.name) not between 1 and 256 then
        perform jobstream.refuse('JS400', 'name must be 1 to 256 characters', '{"field": "name"}');
    elsif create_pipeline.idempotency_key !~ '^[!-~]+$' or char_length(create_pipeline.idempotency_key) > 256 then
        perform jobstream.refuse(
            'JS400', 'idempotency_key must be 1 to 256 visible ASCII characters', '{"field": "idempotency_key"}'
        );
    end if;
    v_unknown := jobstream.unknown_step(create_pipeline.steps);
    if v_unknown is not null then
        perform jobstream.refuse('JS400', 'after names no step: ' || v_unknown, '{"field": "steps"}');
    end if;
    v_steps := (
        select jsonb_agg(jobstream.flat_request(e.step) order by e.place)
        from jsonb_array_elements(create_pipeline.steps) with ordinality as e (step, place)
    );
    v_left := v_steps;
    v_print := sha256(convert_to(jsonb_build_array(create_pipeline.name, v_steps)::pg_catalog.text, 'UTF8'));

    begin
        insert into jobstream.pipelines as p (name, owner, total_steps, idempotency_key, fingerprint, triggered_by)
        values (
            create_pipeline.name, coalesce(create_pipeline.owner, ''), jsonb_array_length(create_pipeline.steps),
            create_pipeline.idempotency_key, v_print, create_pipeline.triggered_by
        )
        on conflict on constraint pipelines_idempotency_key do nothing
        returning p.* into v_pipeline;
    exception
        when lock_not_available then
            perform jobstream.refuse('JS423', 'the key is held by a transaction that has been open for over 2 s');
    end;
    if v_pipeline.id is null then
        select p.*
        into v_pipeline
        from jobstream.pipelines as p
        where p.owner = coalesce(create_pipeline.owner, '')
            and p.idempotency_key = create_pipeline.idempotency_key;
        if v_pipeline.fingerprint is distinct from v_print then
            perform jobstream.refuse(
                'JS422', 'this idempotency key was used with another request',
                jsonb_build_object('field', 'idempotency_key', 'id', v_pipeline.id)
            );
        end if;
        return jsonb_build_object('id', v_pipeline.id, 'jobs', jobstream.pipeline_jobs(v_pipeline.id), 'idempotent', true);
    end if;

    while v_left <> '[]' loop
        select
            jsonb_agg(s.step) filter (where s.is_ready),
            coalesce(jsonb_agg(s.step) filter (where not s.is_ready), '[]')
        into v_layer, v_left
        from (
            select
                e.step,
                not exists (
                    select from jsonb_array_elements_text(coalesce(nullif(e.step -> 'after', 'null'), '[]')) as a (key)
                    where not v_jobs ? a.key
                ) as is_ready
            from jsonb_array_elements(v_left) as e (step)
        ) as s;
        if v_layer is null then
            perform jobstream.refuse(
                'JS400', 'the steps wait for each other in a circle: ' || (v_left -> 0 ->> 'key'), '{"field": "steps"}'
            );
        end if;
        select jsonb_agg(
            (l.step - '{key,after}'::pg_catalog.text[]) || jsonb_build_object(
                'owner', v_pipeline.owner,
                'trigger', 'pipeline',
                'triggered_by', v_pipeline.triggered_by,
                'pipeline_id', v_pipeline.id,
                'pipeline_step', l.step ->> 'key',
                'await_jobs', (
                    select jsonb_agg(w.id) from (
                        select v_jobs ->> a.key as id
                        from jsonb_array_elements_text(coalesce(nullif(l.step -> 'after', 'null'), '[]')) as a (key)
                        union
                        select b.id
                        from jsonb_array_elements_text(coalesce(nullif(l.step -> 'await_jobs', 'null'), '[]')) as b (id)
                    ) as w
                )
            ) order by l.place
        )
        into v_layer
        from jsonb_array_elements(v_layer) with ordinality as l (step, place);
        v_new := jobstream.read_new_jobs(v_layer, array['trigger', 'pipeline_id', 'pipeline_step']);
        select v_jobs || jsonb_object_agg(n.pipeline_step, i.id)
        into v_jobs
        from jobstream.insert_jobs(v_new) as i
        inner join unnest(v_new) as n on i.ordinal = n.ordinal;
    end loop;
    perform jobstream.refresh_pipeline(v_pipeline.id);
    return jsonb_build_object('id', v_pipeline.id, 'jobs', v_jobs, 'idempotent', false);
end
$$;

comment on function jobstream.create_pipeline(text, jsonb, text, text, text) is
'Creates jobs that depend on each other: steps are objects with key, after: [key] and what enqueue_many takes, flat or as {spec, scheduling, retry}. Answers {id, jobs: {key: id}}.';

create function jobstream.pipeline_jobs(p_id text)
returns jsonb
language sql
stable
as $$
    select coalesce(pg_catalog.jsonb_object_agg(j.pipeline_step, j.id), '{}')
    from jobstream.jobs as j
    where j.pipeline_id = p_id and j.pipeline_step is not null
$$;

comment on function jobstream.pipeline_jobs(text) is '{step: id} of a pipeline.';

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

create function jobstream.keep_pipelines()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
    insert into jobstream.leftovers (pipeline_id)
    select n.pipeline_id
    from (
        select distinct r.pipeline_id from new_rows as r where r.pipeline_id is not null order by r.pipeline_id
    ) as n
    where not jobstream.refresh_pipeline(n.pipeline_id);
    return null;
end
$$;

comment on function jobstream.keep_pipelines() is 'Trigger: keeps the rows of pipelines whose jobs changed.';

-- Triggers fire in the order of their names: this one after release_followers, so that a step's end and what it released
-- make one event.
create trigger update_pipelines
after update on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.keep_pipelines();

create function jobstream.lock_pipeline_jobs(p_id text)
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[] := array(select j.id from jobstream.jobs as j where j.pipeline_id = p_id order by j.id);
begin
    if not exists (
        select from jobstream.pipelines as p where p.id = p_id and jobstream.may_touch(p.owner)
    ) then
        perform jobstream.refuse('JS404', 'no such pipeline: ' || coalesce(p_id, 'null'));
    end if;
    perform jobstream.lock_jobs(v_ids);
    return v_ids;
end
$$;

comment on function jobstream.lock_pipeline_jobs(text) is 'Locks all jobs of a pipeline; answers their ids. JS404.';

create function jobstream.cancel_pipeline(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[] := jobstream.lock_pipeline_jobs(cancel_pipeline.id);
begin
    perform jobstream.act_as('cancel');
    perform jobstream.cancel_held(array(
        select j.id from jobstream.jobs as j
        where j.id = any (v_ids) and j.status in ('waiting', 'pending', 'failed')
    ));
    perform jobstream.cancel(j.id, force => true)
    from jobstream.jobs as j
    where j.id = any (v_ids) and j.status = 'running';
    return (select p.status from jobstream.pipelines as p where p.id = cancel_pipeline.id);
end
$$;

comment on function jobstream.cancel_pipeline(text) is
'Cancels all steps that have not ended; running ones are asked to stop. Answers the status after.';

create function jobstream.retry_pipeline(id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[] := jobstream.lock_pipeline_jobs(retry_pipeline.id);
begin
    perform jobstream.act_as('retry');
    v_ids := array(
        select j.id from jobstream.jobs as j where j.id = any (v_ids) and j.status in ('dlq', 'cancelled') order by j.id
    );
    if v_ids = '{}' then
        perform jobstream.refuse('JS409', 'no step of this pipeline failed or was cancelled');
    end if;
    perform jobstream.restart_jobs(v_ids);
    return (select p.status from jobstream.pipelines as p where p.id = retry_pipeline.id);
end
$$;

comment on function jobstream.retry_pipeline(text) is
'Starts anew what failed and what it held up; answers the status after. JS409: nothing failed.';
