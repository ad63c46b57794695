-- Starts locked jobs anew that ended or failed: counters at 0, a deadline that has passed and the result dropped,
-- history kept. They wait again for upstreams that have not ended.
create function jobstream.restart_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    perform jobstream.await_again(p_ids);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = case when not gate.is_shut then 'pending' when j.status = 'failed' then 'failed' else 'waiting' end,
        hold = case when gate.is_shut then 'settling' end,
        trigger = 'retry',
        failures = 0,
        crashes = 0,
        deadline = case when j.deadline > v_now then j.deadline end,
        result = null,
        progress = null,
        reason = null,
        completed_at = null,
        cancel_requested = false,
        cancel_requested_at = null,
        scheduled_at = v_now
    from (
        select
            t.id,
            t.concurrency_key is not null
            or exists (select from jobstream.job_awaits as a where a.job_id = t.id) as is_shut
        from unnest(p_ids) as i (id)
        inner join jobstream.jobs as t on i.id = t.id
    ) as gate
    where j.id = gate.id;
end
$$;

comment on function jobstream.restart_jobs(text[]) is 'Starts locked jobs anew that ended or failed.';
