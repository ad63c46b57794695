-- Held jobs: why a job that is not done with waiting is not pending. hold says it:
--   settling   nobody has looked yet: enqueued, rescheduled or retried a moment ago
--   upstream   job_awaits has rows for it
--   time       scheduled_at is ahead (failed jobs in backoff too)
--   key        its concurrency key is taken
-- advance_jobs() decides; it is called after a commit made the question answerable (settle_jobs), when a time has come
-- (maintain) and when an upstream or a key's holder has left (release_followers).
--
-- Lock order of the whole schema: a verb locks its own rows, in ascending id, and waits for them. Whatever it touches on
-- behalf of others it only tries to lock; what it does not get, or what would be too much for one transaction, it notes in
-- leftovers. So nobody waits while holding something that somebody else waits for.

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

-- Makes the next jobs of a concurrency key pending, by priority, then id, as many as the key has room for; where it has
-- none, make_way(). A slot is a pending or running job. Counting is exact under the key's advisory lock, because whatever
-- enters the set does so here; what leaves it calls here afterwards. Holders, thousands maybe, are not counted where
-- nobody wants the key, but for p_recount: its limit may have been lowered.
-- Rows that others have locked are passed over: whoever holds them looks again. At most 500 are moved; more is noted.
-- False: somebody else is at work on the key; call again after the commit.
create function jobstream.admit_jobs(p_queue text, p_key text, p_recount boolean default false)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_most constant integer := 500;
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_limit bigint := coalesce((select q.key_limit from jobstream.queues as q where q.name = p_queue), 1);
    v_room bigint;
    v_moved integer;
begin
    -- One of 4096 locks, so that a statement on many keys cannot run the lock table out of memory.
    if not pg_try_advisory_xact_lock(1785688949, hashtext(p_queue || chr(31) || p_key) & 4095) then
        return false;
    elsif not p_recount and not exists (
        select from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.hold in ('key', 'settling')
    ) then
        return true;
    end if;
    select v_limit - count(*)
    into v_room
    from (
        select from jobstream.jobs as j
        where j.queue = p_queue and j.concurrency_key = p_key and j.status in ('pending', 'running')
        limit v_limit + v_most
    ) as holders;

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
            limit least(v_room, v_most)
            for update skip locked
        ));
        get diagnostics v_moved = row_count;
    else
        v_moved := jobstream.make_way(p_queue, p_key, v_room, v_most);
    end if;
    if v_moved = v_most then
        insert into jobstream.leftovers (queue, concurrency_key) values (p_queue, p_key);
    end if;
    return true;
end
$$;

comment on function jobstream.admit_jobs(text, text, boolean) is
'Makes the next jobs of a concurrency key pending; false: somebody else is at work on it.';

-- In a key without room: jobs that come before pending ones that nobody has claimed yet take their places, and where the
-- limit was lowered (p_room below 0) the last pending ones step back. Answers how many times, p_most at most.
create function jobstream.make_way(p_queue text, p_key text, p_room bigint, p_most integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_out pg_catalog.text[];
    v_in pg_catalog.text[];
begin
    v_out := array(
        select k.id
        from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.status = 'pending'
        order by k.priority desc, k.id desc
        limit least(case when p_room < 0 then -p_room end, p_most)
        for update skip locked
    );
    if p_room = 0 then
        v_in := array(
            select k.id
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key
                and k.hold in ('key', 'settling')
                and (k.hold = 'key' or jobstream.is_free(k.id, k.scheduled_at, v_now))
            order by k.priority, k.id
            limit cardinality(v_out)
            for update skip locked
        );
        -- The first of those who want in against the last of those who are.
        select array_agg(o.id), array_agg(n.id)
        into v_out, v_in
        from unnest(v_out, v_in) as pair (out_id, in_id)
        inner join jobstream.jobs as o on pair.out_id = o.id
        inner join jobstream.jobs as n on pair.in_id = n.id
        where (n.priority, n.id) < (o.priority, o.id);
        update jobstream.jobs as j
        set revision = j.revision + 1, status = 'pending', hold = null, look_at = null
        where j.id = any (v_in);
    end if;
    update jobstream.jobs as j
    set revision = j.revision + 1, status = 'waiting', hold = 'key'
    where j.id = any (v_out);
    return coalesce(cardinality(v_out), 0);
end
$$;

comment on function jobstream.make_way(text, text, bigint, integer) is
'Lets jobs of a key step back for those that come before them; answers how many.';

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

-- Takes up to p_limit followers of jobs that have ended, of those that nobody has locked, and cancels them or lets them
-- through; answers how many it took.
create function jobstream.free_followers(p_upstreams text[], p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_jobs pg_catalog.text[];
    v_upstreams pg_catalog.text[];
begin
    select array_agg(taken.job_id), array_agg(taken.upstream_id)
    into v_jobs, v_upstreams
    from (
        select a.job_id, a.upstream_id
        from unnest(p_upstreams) as u (id)
        cross join lateral (
            select t.job_id, t.upstream_id
            from jobstream.job_awaits as t
            cross join lateral (
                select from jobstream.jobs as j where j.id = t.job_id for update skip locked
            ) as locked
            where t.upstream_id = u.id
            order by t.job_id
            limit p_limit
        ) as a
        limit p_limit
    ) as taken;
    perform jobstream.resolve_awaits(v_jobs, v_upstreams);
    return coalesce(cardinality(v_jobs), 0);
end
$$;

comment on function jobstream.free_followers(text[], integer) is
'Cancels or lets through some of the followers of jobs that have ended; answers how many it took.';

-- Looks at pairs of a waiting job (locked by the caller) and one of its upstreams: cancels jobs whose upstream ended
-- otherwise than they need, forgets upstreams that have ended, and advances who waits for none any more. Upstreams must be
-- settled for the caller: locked, or ended in this transaction or before.
create function jobstream.resolve_awaits(p_jobs text[], p_upstreams text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_doomed pg_catalog.text[];
    v_errors pg_catalog.text[];
    v_free pg_catalog.text[];
begin
    select array_agg(d.job_id), array_agg(d.error)
    into v_doomed, v_errors
    from (
        select
            p.job_id,
            (array_agg(
                concat_ws(' ', 'awaited job', p.upstream_id, coalesce('ended ' || u.status, 'was deleted'))
                order by p.upstream_id
            ))[1] as error
        from unnest(p_jobs, p_upstreams) as p (job_id, upstream_id)
        cross join lateral (
            select from jobstream.jobs as j
            where j.id = p.job_id and j.status = 'waiting' and j.await_for = 'done'
            offset 0
        ) as h
        left join lateral (select j.status from jobstream.jobs as j where j.id = p.upstream_id offset 0) as u on true
        where u.status is null or u.status in ('dlq', 'cancelled')
        group by p.job_id
    ) as d;
    -- Not for nothing: an UPDATE of no row fires the triggers all the same.
    if v_doomed is not null then
        update jobstream.jobs as j
        set
            revision = j.revision + 1,
            status = 'cancelled',
            reason = 'upstream',
            hold = null,
            look_at = null,
            completed_at = jobstream.clock(),
            last_error = d.error
        from unnest(v_doomed, v_errors) as d (id, error)
        where j.id = d.id;
    end if;

    delete from jobstream.job_awaits as a
    where a.ctid = any (array(
        select t.ctid
        from unnest(v_doomed) as d (id)
        cross join lateral (select k.ctid from jobstream.job_awaits as k where k.job_id = d.id offset 0) as t
        union all
        select t.ctid
        from unnest(p_jobs, p_upstreams) as p (job_id, upstream_id)
        cross join lateral (
            select k.ctid
            from jobstream.job_awaits as k
            where k.job_id = p.job_id and k.upstream_id = p.upstream_id
            offset 0
        ) as t
        where not exists (
            select from jobstream.jobs as j
            where j.id = p.upstream_id and j.status not in ('done', 'dlq', 'cancelled')
            offset 0
        )
    ));

    v_free := array(
        select distinct p.job_id
        from unnest(p_jobs) as p (job_id)
        where not exists (select from jobstream.job_awaits as a where a.job_id = p.job_id offset 0)
    );
    if v_free <> '{}' then
        perform jobstream.advance_jobs(v_free);
    end if;
end
$$;

comment on function jobstream.resolve_awaits(text[], text[]) is
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
        perform jobstream.resolve_awaits(array_agg(a.job_id), array_agg(a.upstream_id))
        from unnest(v_ids) as i (id)
        cross join lateral (select * from jobstream.job_awaits as t where t.job_id = i.id offset 0) as a;
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

-- Finishes what changes have left: followers, at most p_limit, then keys and pipelines.
create function jobstream.settle_leftovers(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_left pg_catalog.record;
    v_is_done boolean;
    v_count integer := jobstream.settle_followers(p_limit);
begin
    for v_left in
        select l.*
        from jobstream.leftovers as l
        where l.job_id is null and (l.look_at is null or jobstream.is_to_look_at(l.look_at, v_now))
        order by l.id
        limit p_limit
        for update skip locked
    loop
        v_count := v_count + 1;
        if v_left.concurrency_key is not null then
            v_is_done := jobstream.admit_jobs(v_left.queue, v_left.concurrency_key, true);
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
'Finishes what changes left because it was locked or too much; answers how many it took.';

-- Followers of jobs that ended, at most p_limit; an upstream that was started anew keeps its own. If it took fewer, all
-- that are left are locked by somebody: they are looked at again a second later.
create function jobstream.settle_followers(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_lefts bigint[];
    v_ended pg_catalog.text[];
    v_count integer;
begin
    select array_agg(u.left_id), array_agg(u.job_id) filter (where not u.is_open)
    into v_lefts, v_ended
    from (
        select
            l.id as left_id,
            l.job_id,
            exists (
                select from jobstream.jobs as j
                where j.id = l.job_id and j.status not in ('done', 'dlq', 'cancelled')
                offset 0
            ) as is_open
        from jobstream.leftovers as l
        where l.job_id is not null and (l.look_at is null or jobstream.is_to_look_at(l.look_at, v_now))
        order by l.id
        limit p_limit
        for update of l skip locked
    ) as u;
    if v_lefts is null then
        return 0;
    end if;
    v_count := jobstream.free_followers(v_ended, p_limit);
    delete from jobstream.leftovers as l
    where l.id = any (v_lefts)
        and (
            l.job_id <> all (coalesce(v_ended, '{}'))
            or not exists (select from jobstream.job_awaits as a where a.upstream_id = l.job_id offset 0)
        );
    if v_count < p_limit then
        update jobstream.leftovers as l set look_at = v_now + interval '1 s' where l.id = any (v_lefts);
    end if;
    return v_count + cardinality(v_lefts);
end
$$;

comment on function jobstream.settle_followers(integer) is
'Cancels or lets through followers that changes left; answers how many it took.';

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
