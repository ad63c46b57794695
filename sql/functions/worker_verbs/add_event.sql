-- An event of a running attempt, beside the job's row.
create function jobstream.add_event(p_job jobstream.jobs, p_type text, p_data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
    )
    values (
        p_job.id, p_type, p_job.status, p_job.attempt, p_job.queue, p_job.kind, p_job.owner, p_job.pipeline_id,
        p_job.labels, jobstream.actor(), p_data
    );
end
$$;

comment on function jobstream.add_event(jobstream.jobs, text, jsonb) is
'Writes one event of a job whose row is locked.';
