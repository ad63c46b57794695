-- The same, and JS423 where a key stays held by an open transaction for 2 s. A block with an exception handler is a
-- subtransaction, so only requests with keys come this way.
create function jobstream.insert_jobs_in_time(p_jobs jobstream.new_job[])
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
set lock_timeout = '2s'
as $$
begin
    return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs(p_jobs) as i;
exception
    when lock_not_available then
        perform jobstream.refuse('JS423', 'the key is held by a transaction that has been open for over 2 s');
end
$$;

comment on function jobstream.insert_jobs_in_time(jobstream.new_job[]) is
'insert_jobs, with at most 2 s of waiting for a key.';
