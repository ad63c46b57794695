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
