-- Lets locked, held jobs through as far as they may go: pending, or the next hold. A failed job stays failed until then.
-- Where somebody else is at work on a key, its jobs stay settling.
create function jobstream.advance_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_key pg_catalog.record;
    v_admitted boolean;
begin
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = case
            when next.hold is null then 'pending'
            when j.status = 'failed' then 'failed'
            else 'waiting'
        end,
        hold = next.hold,
        look_at = null
    from (
        select
            h.id,
            case
                when exists (select from jobstream.job_awaits as a where a.job_id = h.id) then 'upstream'
                when h.scheduled_at > v_now then 'time'
                when h.concurrency_key is not null then 'settling'
            end as hold
        from unnest(p_ids) as i (id)
        cross join lateral (
            select t.id, t.scheduled_at, t.concurrency_key
            from jobstream.jobs as t
            where t.id = i.id and t.status in ('waiting', 'failed')
            offset 0
        ) as h
    ) as next
    where j.id = next.id and next.hold is distinct from j.hold;

    for v_key in
        select j.queue, j.concurrency_key, array_agg(j.id) as ids
        from jobstream.jobs as j
        where j.id = any (p_ids) and j.hold = 'settling'
        group by j.queue, j.concurrency_key
    loop
        v_admitted := jobstream.admit_jobs(v_key.queue, v_key.concurrency_key);
        update jobstream.jobs as j
        set
            revision = j.revision + 1,
            hold = case when v_admitted then 'key' else 'settling' end,
            look_at = case when not v_admitted then v_now + interval '1 s' end
        where j.id = any (v_key.ids) and j.hold = 'settling';
    end loop;
end
$$;

comment on function jobstream.advance_jobs(text[]) is
'Lets locked, held jobs through: pending, or the next hold.';
