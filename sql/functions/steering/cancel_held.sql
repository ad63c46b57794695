-- Cancels locked jobs that do not run.
create function jobstream.cancel_held(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    delete from jobstream.job_awaits as a where a.job_id = any (p_ids);
    update jobstream.jobs as j
    set revision = j.revision + 1, status = 'cancelled', reason = 'requested', hold = null, completed_at = jobstream.clock()
    where j.id = any (p_ids);
end
$$;

comment on function jobstream.cancel_held(text[]) is 'Cancels locked jobs that are waiting, pending or failed.';
