-- Held jobs: why a job that is not done with waiting is not pending. hold says it:
--   settling   nobody has looked yet: enqueued, rescheduled or retried a moment ago
--   upstream   job_awaits has rows for it
--   time       scheduled_at is ahead (failed jobs in backoff too)
--   key        its concurrency key is taken
-- advance_jobs() decides; it is called after a commit made the question answerable (settle_jobs), when a time has come
-- (maintain) and when an upstream or a key's holder has left (release_followers).
--
-- Lock order of the whole schema: a verb locks its own rows, in ascending id, and waits for them. Whatever it touches on
-- behalf of others it only tries to lock; what it does not get it notes in leftovers. So nobody waits while holding
-- something that somebody else waits for.

-- Locks those of the jobs that nobody else has locked, in ascending id; answers which.
create function jobstream.take_jobs(p_ids text[])
returns text[]
language sql
volatile
set search_path = ''
as $$
    select array(
        select locked.id
        from (select distinct i.id from unnest(p_ids) as i (id) order by i.id offset 0) as ordered
        cross join lateral (
            select j.id from jobstream.jobs as j where j.id = ordered.id for update skip locked
        ) as locked
    )
$$;

comment on function jobstream.take_jobs(text[]) is 'Locks those of the jobs that are free; answers which.';

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

-- Makes the next jobs of a concurrency key pending, by priority, then id, as many as the key has room for. Where there is
-- none, one that comes before a pending job that nobody has claimed yet takes its place, and where the limit was lowered
-- the last pending ones step back. A slot is a pending or running job. Counting is exact
-- under the key's advisory lock, because whatever enters the set does so here; what leaves it calls here afterwards.
-- Rows that others have locked are passed over: whoever holds them looks again.
-- False: somebody else is at work on the key; call again after the commit.
create function jobstream.admit_jobs(p_queue text, p_key text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_room bigint;
    v_last pg_catalog.record;
    v_next pg_catalog.record;
begin
    -- One of 4096 locks, so that a statement on many keys cannot run the lock table out of memory.
    if not pg_try_advisory_xact_lock(1785688949, hashtext(p_queue || chr(31) || p_key) & 4095) then
        return false;
    end if;
    select coalesce((select q.key_limit from jobstream.queues as q where q.name = p_queue), 1) - count(*)
    into v_room
    from jobstream.jobs as j
    where j.queue = p_queue and j.concurrency_key = p_key and j.status in ('pending', 'running');

    if v_room > 0 then
        update jobstream.jobs as j
        set revision = j.revision + 1, status = 'pending', hold = null, look_at = null
        where j.ctid = any (array(
            select k.ctid
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key
                and k.hold in ('key', 'settling')
                and (k.hold = 'key' or jobstream.is_free(k.id, k.scheduled_at, v_now))
            order by k.priority, k.id
            limit v_room
            for update skip locked
        ));
        return true;
    end if;

    loop
        select k.id, k.priority
        into v_last
        from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.status = 'pending'
        order by k.priority desc, k.id desc
        limit 1
        for update skip locked;
        exit when v_last.id is null;
        if v_room = 0 then
            select k.id, k.priority
            into v_next
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key
                and k.hold in ('key', 'settling')
                and (k.priority, k.id) < (v_last.priority, v_last.id)
                and (k.hold = 'key' or jobstream.is_free(k.id, k.scheduled_at, v_now))
            order by k.priority, k.id
            limit 1
            for update skip locked;
            exit when v_next.id is null;
            update jobstream.jobs as j
            set revision = j.revision + 1, status = 'pending', hold = null, look_at = null
            where j.id = v_next.id;
        else
            v_room := v_room + 1;
        end if;
        update jobstream.jobs as j
        set revision = j.revision + 1, status = 'waiting', hold = 'key'
        where j.id = v_last.id;
    end loop;
    return true;
end
$$;

comment on function jobstream.admit_jobs(text, text) is
'Makes the next jobs of a concurrency key pending; false: somebody else is at work on it.';

-- Whether nothing but its key holds a job.
create function jobstream.is_free(p_id text, p_scheduled_at timestamptz, p_now timestamptz)
returns boolean
language sql
stable
as $$
    select (p_scheduled_at is null or p_scheduled_at <= p_now)
        and not exists (select from jobstream.job_awaits as a where a.job_id = p_id)
$$;

comment on function jobstream.is_free(text, timestamptz, timestamptz) is
'Whether a job is due and waits for no other.';

-- Looks at jobs that wait for upstreams (locked by the caller): cancels those with an upstream that ended otherwise than
-- they need, forgets upstreams that have ended, and advances who waits for none any more. Upstreams must be settled for
-- the caller: locked, or ended in this transaction.
create function jobstream.resolve_awaits(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_cancelled pg_catalog.text[];
    v_free pg_catalog.text[];
begin
    with doomed as (
        select
            a.job_id,
            min(a.upstream_id) as upstream_id,
            (array_agg(coalesce('ended ' || u.status, 'was deleted') order by a.upstream_id))[1] as ended
        from unnest(p_ids) as i (id)
        cross join lateral (select * from jobstream.job_awaits as t where t.job_id = i.id offset 0) as a
        inner join jobstream.jobs as h on a.job_id = h.id
        left join jobstream.jobs as u on a.upstream_id = u.id
        where h.await_for = 'done'
            and h.status = 'waiting'
            and (u.id is null or u.status in ('dlq', 'cancelled'))
        group by a.job_id
    ),

    cancelled as (
        update jobstream.jobs as j
        set
            revision = j.revision + 1,
            status = 'cancelled',
            reason = 'upstream',
            hold = null,
            look_at = null,
            completed_at = v_now,
            last_error = 'awaited job ' || d.upstream_id || ' ' || d.ended
        from doomed as d
        where j.id = d.job_id
        returning j.id
    )

    select coalesce(array_agg(c.id), '{}') into v_cancelled from cancelled as c;

    delete from jobstream.job_awaits as a
    where a.job_id = any (v_cancelled);

    delete from jobstream.job_awaits as a
    where a.job_id = any (p_ids)
        and not exists (
            select from jobstream.jobs as u
            where u.id = a.upstream_id and u.status not in ('done', 'dlq', 'cancelled')
        );

    v_free := array(
        select i.id
        from unnest(p_ids) as i (id)
        where not exists (select from jobstream.job_awaits as a where a.job_id = i.id)
    );
    if v_free <> '{}' then
        perform jobstream.advance_jobs(v_free);
    end if;
end
$$;

comment on function jobstream.resolve_awaits(text[]) is
'Cancels or advances waiting jobs whose upstreams have ended.';

-- Times to look again are a second ahead at most: what is further ahead was noted before the clock was set back.
create function jobstream.is_to_look_at(p_look_at timestamptz, p_now timestamptz)
returns boolean
language sql
immutable
as $$
    select p_look_at <= p_now or p_look_at > p_now + interval '2 s'
$$;

comment on function jobstream.is_to_look_at(timestamptz, timestamptz) is
'Whether the time has come to look again at what was locked.';

-- Looks at jobs that nobody has looked at yet, at most p_limit; answers how many it took. Waits for nobody: what others
-- hold is looked at again a second later. Called by claim() and maintain(), after the commit of whoever made the jobs.
-- Locks: held jobs, then their upstreams (shared, so that an upstream's end is either seen here or sees them).
create function jobstream.settle_jobs(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_ids pg_catalog.text[];
    v_upstreams pg_catalog.text[];
    v_blocked pg_catalog.text[];
    v_left integer;
begin
    v_left := jobstream.settle_leftovers(p_limit);
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        where j.hold = 'settling' and j.look_at is null
        order by j.id
        limit p_limit
        for update skip locked
    );
    v_ids := v_ids || array(
        select j.id
        from jobstream.jobs as j
        where j.hold = 'settling' and j.look_at <= v_now
        order by j.look_at
        limit p_limit - cardinality(v_ids)
        for update skip locked
    );
    v_ids := v_ids || array(
        select j.id
        from jobstream.jobs as j
        where j.hold = 'settling' and j.look_at > v_now + interval '2 s'
        order by j.look_at
        limit p_limit - cardinality(v_ids)
        for update skip locked
    );
    if v_ids = '{}' then
        return v_left;
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
            inner join jobstream.jobs as u on a.upstream_id = u.id
            where a.job_id = any (v_ids)
                and a.upstream_id not in (select l.id from unnest(v_upstreams) as l (id))
        );
        update jobstream.jobs as j
        set revision = j.revision + 1, look_at = v_now + interval '1 s'
        where j.id = any (v_blocked);
        v_ids := array(select i.id from unnest(v_ids) as i (id) except select b.id from unnest(v_blocked) as b (id));
        perform jobstream.resolve_awaits(v_ids);
    end if;
    perform jobstream.advance_jobs(array(
        select i.id
        from unnest(v_ids) as i (id)
        inner join jobstream.jobs as j on i.id = j.id
        where j.hold = 'settling' and (j.look_at is null or jobstream.is_to_look_at(j.look_at, v_now))
    ));
    return v_left + cardinality(v_ids) + coalesce(cardinality(v_blocked), 0);
end
$$;

comment on function jobstream.settle_jobs(integer) is
'Decides for jobs that nobody has looked at yet whether they may run; answers how many it took.';

-- Finishes what changes could not, because somebody held a lock.
create function jobstream.settle_leftovers(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_left pg_catalog.record;
    v_is_done boolean;
    v_count integer := 0;
begin
    for v_left in
        select l.*
        from jobstream.leftovers as l
        where l.look_at is null or jobstream.is_to_look_at(l.look_at, v_now)
        order by l.id
        limit p_limit
        for update skip locked
    loop
        v_count := v_count + 1;
        if v_left.job_id is not null then
            v_is_done := jobstream.take_jobs(array[v_left.job_id]) <> '{}'
                or not exists (select from jobstream.jobs as j where j.id = v_left.job_id);
            update jobstream.jobs as j
            set revision = j.revision + 1, hold = 'settling', look_at = null
            where v_is_done and j.id = v_left.job_id and j.hold = 'upstream';
        elsif v_left.concurrency_key is not null then
            v_is_done := jobstream.admit_jobs(v_left.queue, v_left.concurrency_key);
        else
            v_is_done := jobstream.refresh_pipeline(v_left.pipeline_id);
        end if;
        if v_is_done then
            delete from jobstream.leftovers as l where l.id = v_left.id;
        else
            update jobstream.leftovers as l set look_at = v_now + interval '1 s' where l.id = v_left.id;
        end if;
    end loop;
    return v_count;
end
$$;

comment on function jobstream.settle_leftovers(integer) is
'Finishes what changes left because somebody held a lock; answers how many it took.';

-- Whether settle_jobs() has something to do at once: asked by every claim.
create function jobstream.is_unsettled(p_now timestamptz)
returns boolean
language sql
stable
as $$
    select exists (select from jobstream.jobs as j where j.hold = 'settling' and j.look_at is null)
        or exists (select from jobstream.jobs as j where j.hold = 'settling' and j.look_at <= p_now)
        or exists (
            select from jobstream.jobs as j where j.hold = 'settling' and j.look_at > p_now + interval '2 s'
        )
        or exists (
            select from jobstream.leftovers as l
            where l.look_at is null or jobstream.is_to_look_at(l.look_at, p_now)
        )
$$;

comment on function jobstream.is_unsettled(timestamptz) is 'Whether settle_jobs() has something to do at once.';
