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
