create function jobstream.enqueue_many(jobs jsonb)
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_jobs jobstream.new_job[] := jobstream.read_new_jobs(enqueue_many.jobs);
begin
    perform jobstream.act_as('enqueue');
    if exists (select from unnest(v_jobs) as n where n.idempotency_key is not null or n.unique_key is not null) then
        return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs_in_time(v_jobs) as i;
    else
        return query select i.ordinal, i.id, i.status, i.idempotent from jobstream.insert_jobs(v_jobs) as i;
    end if;
end
$$;

comment on function jobstream.enqueue_many(jsonb) is
'Enqueues an array of objects with the names of enqueue''s parameters: all or none. Answers in order.';
