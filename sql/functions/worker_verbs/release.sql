create function jobstream.release(id text, attempt integer, delay interval default '0')
returns text
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_job jobstream.jobs;
begin
    perform jobstream.act_as('work');
    if release.delay is null or release.delay > interval '100 years' then
        perform jobstream.refuse('JS400', 'delay must be at most 100 years', '{"field": "delay"}');
    end if;
    v_job := jobstream.lock_attempt(release.id, release.attempt, 'release');
    if v_job.id is null then
        return (select j.status from jobstream.jobs as j where j.id = release.id);
    elsif v_job.cancel_requested then
        return jobstream.end_attempt(v_job.id, 'release', 'cancelled', 'requested');
    elsif release.delay > interval '0' then
        return jobstream.end_attempt(
            v_job.id, 'release', 'waiting', null, jobstream.clock() + release.delay
        );
    end if;
    return jobstream.end_attempt(v_job.id, 'release', 'pending');
end
$$;

comment on function jobstream.release(text, integer, interval) is
'Gives an attempt back, unspent: pending, or waiting for the delay; answers the status after.';
