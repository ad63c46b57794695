-- After a statement that ended jobs: who awaited them is released or cancelled, and their concurrency keys pass to the
-- next, all in the same transaction. Where nobody awaits anybody and no keys are used, this is two cheap looks.
-- Whoever is locked by somebody else is left to settle_jobs(); so is what lies deep in a chain, which nests a trigger a
-- link.
create function jobstream.release_followers()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_followers pg_catalog.text[];
    v_free pg_catalog.text[] := '{}';
begin
    if exists (select from jobstream.job_awaits) then
        v_followers := array(
            select distinct a.job_id
            from new_rows as n
            cross join lateral (
                select t.job_id from jobstream.job_awaits as t where t.upstream_id = n.id offset 0
            ) as a
            where n.status in ('done', 'dlq', 'cancelled')
        );
        if v_followers <> '{}' then
            if pg_trigger_depth() <= 12 then
                v_free := jobstream.take_jobs(v_followers);
            end if;
            insert into jobstream.leftovers (job_id)
            select f.id from unnest(v_followers) as f (id)
            except
            select f.id from unnest(v_free) as f (id);
            perform jobstream.resolve_awaits(v_free);
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

-- A plain UPDATE may take a job out of its key or queue: then the old key has room.
create function jobstream.pass_left_keys()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
begin
    insert into jobstream.leftovers (queue, concurrency_key)
    select distinct o.queue, o.concurrency_key
    from old_rows as o
    inner join new_rows as n on o.id = n.id
    where o.concurrency_key is not null
        and o.status in ('pending', 'running')
        and (o.queue <> n.queue or n.concurrency_key is distinct from o.concurrency_key);
    return null;
end
$$;

comment on function jobstream.pass_left_keys() is
'Trigger: notes the concurrency keys that jobs have left by a plain UPDATE.';

create trigger pass_left_keys
after update on jobstream.jobs
referencing old table as old_rows new table as new_rows
for each statement
when (coalesce(pg_catalog.current_setting('jobstream.verb', true), '') = '')
execute function jobstream.pass_left_keys();
