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
