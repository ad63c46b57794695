-- The job, locked, if the attempt is running. Null: this verb ended this attempt before. JS404, JS410 otherwise.
create function jobstream.lock_attempt(p_id text, p_attempt integer, p_verb text)
returns jobstream.jobs
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
begin
    select j.* into v_job from jobstream.jobs as j where j.id = p_id for update;
    if not found then
        perform jobstream.refuse('JS404', 'no such job: ' || coalesce(p_id, 'null'));
    elsif v_job.status = 'running' and v_job.attempt = p_attempt then
        return v_job;
    elsif v_job.ended_attempt = p_attempt and v_job.ended_verb = p_verb then
        return null;
    end if;
    perform jobstream.refuse(
        'JS410', 'lease lost: attempt ' || coalesce(p_attempt::pg_catalog.text, 'null') || ' of job ' || p_id
        || ' no longer runs (it is ' || v_job.status || ', attempt ' || v_job.attempt || ')'
    );
end
$$;

comment on function jobstream.lock_attempt(text, integer, text) is
'Locks a job for its worker''s verb; null where the verb is a repetition; JS404, JS410.';
