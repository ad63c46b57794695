-- Held jobs: why a job that is not done with waiting is not pending. hold says it:
--   settling   nobody has looked yet: enqueued, rescheduled or retried a moment ago
--   upstream   job_awaits has rows for it
--   time       scheduled_at is ahead (failed jobs in backoff too)
--   key        its concurrency key is taken
-- advance_jobs() decides; it is called after a commit made the question answerable (settle_jobs), when a time has come
-- (maintain) and when an upstream or a key's holder has left (release_followers).

-- Lets locked, held jobs through as far as they may go: pending, or the next hold. A failed job stays failed until then.
create function jobstream.advance_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now timestamptz := jobstream.clock();
    v_key record;
begin
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = case
            when next.hold is null then 'pending'
            when j.status = 'failed' then 'failed'
            else 'waiting'
        end,
        hold = next.hold
    from (
        select
            h.id,
            case
                when exists (select from jobstream.job_awaits as a where a.job_id = h.id) then 'upstream'
                when h.scheduled_at > v_now then 'time'
                when h.concurrency_key is not null then 'key'
            end as hold
        from unnest(p_ids) as i (id)
        cross join lateral (
            select t.id, t.scheduled_at, t.concurrency_key
            from jobstream.jobs as t
            where t.id = i.id and t.status in ('waiting', 'failed')
            offset 0
        ) as h
    ) as next
    where j.id = next.id and (next.hold is null or next.hold is distinct from j.hold);

    for v_key in
        select distinct j.queue, j.concurrency_key
        from jobstream.jobs as j
        where j.id = any (p_ids) and j.hold = 'key'
        order by j.queue, j.concurrency_key
    loop
        perform jobstream.admit_jobs(v_key.queue, v_key.concurrency_key, false);
    end loop;
end
$$;

comment on function jobstream.advance_jobs(text[]) is
'Lets locked, held jobs through: pending, or the next hold.';

-- Makes the next jobs of a concurrency key pending, as many as the key has room for, by priority, then id. A slot is a
-- pending or running job. Counting is exact under the key's advisory lock, because whatever enters the set does so here;
-- what leaves it calls here afterwards. Candidates that others have locked are passed over, and looked at again when
-- their holder's change settles them.
-- p_wait false: where somebody else holds the key's lock, its jobs go back to settling instead of waiting.
create function jobstream.admit_jobs(p_queue text, p_key text, p_wait boolean)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_lock integer := hashtext(p_queue || chr(31) || p_key);
    v_room bigint;
begin
    if p_wait then
        perform pg_advisory_xact_lock(1785688949, v_lock);
    elsif not pg_try_advisory_xact_lock(1785688949, v_lock) then
        update jobstream.jobs as j
        set revision = j.revision + 1, hold = 'settling'
        where j.id in (
            select k.id
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key and k.status in ('waiting', 'failed')
                and k.hold = 'key'
            order by k.priority, k.id
            limit 1
            for update skip locked
        );
        return;
    end if;

    select coalesce((select q.key_limit from jobstream.queues as q where q.name = p_queue), 1) - count(*)
    into v_room
    from jobstream.jobs as j
    where j.queue = p_queue and j.concurrency_key = p_key and j.status in ('pending', 'running');
    if v_room <= 0 then
        return;
    end if;
    update jobstream.jobs as j
    set revision = j.revision + 1, status = 'pending', hold = null
    where j.ctid = any (array(
        select k.ctid
        from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.status in ('waiting', 'failed')
            and k.hold = 'key'
        order by k.priority, k.id
        limit v_room
        for update skip locked
    ));
end
$$;

comment on function jobstream.admit_jobs(text, text, boolean) is
'Makes the next jobs of a concurrency key pending, as many as there is room for.';

-- Looks at jobs that wait for upstreams (locked by the caller): cancels those with an upstream that ended otherwise than
-- they need, forgets upstreams that have ended, and advances who waits for none any more. Upstreams must be settled for
-- the caller: locked, or ended in this transaction.
create function jobstream.resolve_awaits(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now timestamptz := jobstream.clock();
    v_cancelled text[];
    v_free text[];
begin
    with doomed as (
        select
            a.job_id,
            min(u.id) as upstream_id,
            (array_agg(u.status order by u.id))[1] as ended
        from unnest(p_ids) as i (id)
        cross join lateral (select * from jobstream.job_awaits as t where t.job_id = i.id offset 0) as a
        inner join jobstream.jobs as u on a.upstream_id = u.id
        inner join jobstream.jobs as h on a.job_id = h.id
        where u.status in ('dlq', 'cancelled') and h.await_for = 'done' and h.status = 'waiting'
        group by a.job_id
    ),

    cancelled as (
        update jobstream.jobs as j
        set
            revision = j.revision + 1,
            status = 'cancelled',
            reason = 'upstream',
            hold = null,
            completed_at = v_now,
            last_error = 'awaited job ' || d.upstream_id || ' ended ' || d.ended
        from doomed as d
        where j.id = d.job_id
        returning j.id
    )

    select coalesce(array_agg(c.id), '{}') into v_cancelled from cancelled as c;

    delete from jobstream.job_awaits as a
    where a.job_id = any (v_cancelled);

    delete from jobstream.job_awaits as a
    using jobstream.jobs as u
    where a.job_id = any (p_ids)
        and a.upstream_id = u.id
        and u.status in ('done', 'dlq', 'cancelled');

    v_free := array(
        select i.id
        from unnest(p_ids) as i (id)
        where i.id <> all (v_cancelled)
            and not exists (select from jobstream.job_awaits as a where a.job_id = i.id)
    );
    if v_free <> '{}' then
        perform jobstream.advance_jobs(v_free);
    end if;
end
$$;

comment on function jobstream.resolve_awaits(text[]) is
'Cancels or advances waiting jobs whose upstreams have ended.';

-- Looks at jobs that nobody has looked at yet, at most p_limit; answers how many it took. Waits for nobody: rows and
-- keys that others hold are left for the next time. Called by claim() and maintain(), after the commit of whoever made
-- the jobs. Locks: held jobs, then their upstreams (shared, so that an upstream's end is either seen here or sees them).
create function jobstream.settle_jobs(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_ids text[];
    v_upstreams text[];
    v_blocked text[];
begin
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        where j.hold = 'settling'
        order by j.id
        limit p_limit
        for update skip locked
    );
    if v_ids = '{}' then
        return 0;
    end if;

    if exists (select from jobstream.job_awaits) then
        v_upstreams := array(
            select j.id
            from jobstream.jobs as j
            where j.id in (select a.upstream_id from jobstream.job_awaits as a where a.job_id = any (v_ids))
            order by j.id
            for share skip locked
        );
        v_blocked := array(
            select distinct a.job_id
            from jobstream.job_awaits as a
            where a.job_id = any (v_ids)
                and a.upstream_id <> all (v_upstreams)
                and exists (select from jobstream.jobs as u where u.id = a.upstream_id)
        );
        v_ids := array(select i.id from unnest(v_ids) as i (id) where i.id <> all (v_blocked) order by i.id);
        perform jobstream.resolve_awaits(v_ids);
        v_ids := array(
            select i.id
            from unnest(v_ids) as i (id)
            inner join jobstream.jobs as j on i.id = j.id
            where j.hold = 'settling'
        );
    end if;
    perform jobstream.advance_jobs(v_ids);
    return cardinality(v_ids);
end
$$;

comment on function jobstream.settle_jobs(integer) is
'Decides for jobs that nobody has looked at yet whether they may run; answers how many it took.';
