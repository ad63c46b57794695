-- Jobs whose worker was lost: back to pending at the first crash, failed for 5 to 30 s (so that suspects part) at the
-- second, set aside at the third.
create function jobstream.rescue_jobs(p_ids text[], p_message text)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
    v_error pg_catalog.jsonb;
begin
    for v_job in
        select j.* from jobstream.jobs as j where j.id = any (p_ids) and j.status = 'running' order by j.id
    loop
        v_error := jobstream.error_entry(v_job, jsonb_build_object('type', 'WorkerLost', 'message', p_message));
        if v_job.cancel_requested then
            perform jobstream.end_attempt(v_job.id, 'rescue', 'cancelled', 'requested', null, v_error, 0, 1);
        elsif v_job.crashes >= 2 then
            perform jobstream.end_attempt(v_job.id, 'rescue', 'dlq', 'poison', null, v_error, 0, 1);
        elsif v_job.crashes = 1 then
            perform jobstream.end_attempt(
                v_job.id, 'rescue', 'failed', null,
                jobstream.clock() + make_interval(secs => 5 + 25 * random()), v_error, 0, 1
            );
        else
            perform jobstream.end_attempt(v_job.id, 'rescue', 'pending', null, null, v_error, 0, 1);
        end if;
    end loop;
end
$$;

comment on function jobstream.rescue_jobs(text[], text) is
'Takes locked running jobs from a worker that was lost.';
