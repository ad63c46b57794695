-- After a statement that ended jobs: who awaited them is released or cancelled, and their concurrency keys pass to the
-- next, all in the same transaction. Where nobody awaits anybody and no keys are used, this is two cheap looks.
-- Whoever is locked by somebody else is left to settle_jobs(); so are followers beyond the first 500, whom the worker that
-- completes their upstream should not wait for, and what lies deep in a chain, which nests a trigger a link.
create function jobstream.release_followers()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_ended pg_catalog.text[];
begin
    if exists (select from jobstream.job_awaits) then
        -- limit 1: an EXISTS may be planned as a join with all who wait.
        v_ended := array(
            select n.id
            from new_rows as n
            cross join lateral (select from jobstream.job_awaits as t where t.upstream_id = n.id limit 1) as a
            where n.status in ('done', 'dlq', 'cancelled')
        );
        if v_ended <> '{}' then
            if pg_trigger_depth() <= 12 then
                perform jobstream.free_followers(v_ended, 500);
            end if;
            insert into jobstream.leftovers (job_id)
            select e.id
            from unnest(v_ended) as e (id)
            cross join lateral (select from jobstream.job_awaits as t where t.upstream_id = e.id limit 1) as a;
        end if;
    end if;

    insert into jobstream.leftovers (queue, concurrency_key)
    select k.queue, k.concurrency_key
    from (
        select distinct n.queue, n.concurrency_key
        from new_rows as n
        where n.concurrency_key is not null
            and (n.status in ('done', 'dlq', 'cancelled') or (n.status in ('waiting', 'failed') and n.hold = 'time'))
        offset 0
    ) as k
    where not jobstream.admit_jobs(k.queue, k.concurrency_key);
    return null;
end
$$;

comment on function jobstream.release_followers() is
'Trigger: releases who awaited jobs that ended, and passes their concurrency keys on.';

create trigger release_followers
after update on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.release_followers();
