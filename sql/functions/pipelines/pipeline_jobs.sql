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
