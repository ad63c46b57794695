-- After a statement that ended jobs: who awaited them is released or cancelled, and their concurrency keys pass to the
-- next, all in the same transaction. Where nobody awaits anybody and no keys are used, this is two cheap looks.
-- A chain of cancellations would nest a trigger a link: from a depth on, followers are left to settle_jobs().
create function jobstream.release_followers()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_followers text[];
    v_key record;
begin
    if exists (select from jobstream.job_awaits) then
        v_followers := array(
            select distinct a.job_id
            from new_rows as n
            cross join lateral (
                select t.job_id from jobstream.job_awaits as t where t.upstream_id = n.id offset 0
            ) as a
            where n.status in ('done', 'dlq', 'cancelled')
            order by a.job_id
        );
        if v_followers <> '{}' then
            perform from (select f.id from unnest(v_followers) as f (id) order by f.id offset 0) as ordered
            cross join lateral (select from jobstream.jobs as j where j.id = ordered.id for update) as locked;
            if pg_trigger_depth() > 12 then
                update jobstream.jobs as j
                set revision = j.revision + 1, hold = 'settling'
                where j.id = any (v_followers) and j.status = 'waiting';
            else
                perform jobstream.resolve_awaits(v_followers);
            end if;
        end if;
    end if;

    for v_key in
        select distinct n.queue, n.concurrency_key
        from new_rows as n
        where n.concurrency_key is not null
            and (n.status in ('done', 'dlq', 'cancelled') or (n.status in ('waiting', 'failed') and n.hold = 'time'))
        order by n.queue, n.concurrency_key
    loop
        perform jobstream.admit_jobs(v_key.queue, v_key.concurrency_key, true);
    end loop;
    return null;
end
$$;

comment on function jobstream.release_followers() is
'Trigger: releases who awaited jobs that ended, and passes their concurrency keys on.';

create trigger release_followers
after update on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.release_followers();
