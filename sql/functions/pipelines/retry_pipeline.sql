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
