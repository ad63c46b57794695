-- The duties that keep jobs moving, in bounded batches. A batch that fails is tried again row by row, so one bad row
-- never blocks the rest. Rows that somebody has locked are left for the next time. Safe from anywhere, any number of
-- callers at once. READ COMMITTED.

-- Jobs whose worker was lost: back to pending at the first crash, failed for 5 to 30 s (so that suspects part) at the
-- second, set aside at the third.
create function jobstream.rescue_jobs(p_ids text[], p_message text)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_job jobstream.jobs;
    v_error pg_catalog.jsonb;
begin
    for v_job in
        select j.* from jobstream.jobs as j where j.id = any (p_ids) and j.status = 'running' order by j.id
    loop
        v_error := jobstream.error_entry(v_job, jsonb_build_object('type', 'WorkerLost', 'message', p_message));
        if v_job.cancel_requested then
            perform jobstream.end_attempt(v_job.id, 'rescue', 'cancelled', 'requested', null, v_error, 0, 1);
        elsif v_job.crashes >= 2 then
            perform jobstream.end_attempt(v_job.id, 'rescue', 'dlq', 'poison', null, v_error, 0, 1);
        elsif v_job.crashes = 1 then
            perform jobstream.end_attempt(
                v_job.id, 'rescue', 'failed', null,
                jobstream.clock() + make_interval(secs => 5 + 25 * random()), v_error, 0, 1
            );
        else
            perform jobstream.end_attempt(v_job.id, 'rescue', 'pending', null, null, v_error, 0, 1);
        end if;
    end loop;
end
$$;

comment on function jobstream.rescue_jobs(text[], text) is
'Takes locked running jobs from a worker that was lost.';

-- Running jobs whose cancel grace is over.
create function jobstream.end_grace(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.end_attempt(
        j.id, 'cancel', 'cancelled', 'requested', null,
        jobstream.error_entry(
            j, jsonb_build_object('type', 'Cancelled', 'message', 'did not stop within the grace after a cancel')
        )
    )
    from jobstream.jobs as j
    where j.id = any (p_ids) and j.status = 'running' and j.cancel_requested;
end
$$;

comment on function jobstream.end_grace(text[]) is 'Takes the lease of locked jobs that did not stop when asked.';

-- Jobs past their deadline that do not run.
create function jobstream.expire_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    delete from jobstream.job_awaits as a where a.job_id = any (p_ids);
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'dlq',
        reason = 'deadline',
        hold = null,
        completed_at = jobstream.clock(),
        last_error = coalesce(j.last_error, 'the deadline passed')
    where j.id = any (p_ids) and j.status in ('waiting', 'pending', 'failed');
end
$$;

comment on function jobstream.expire_jobs(text[]) is 'Sets locked jobs aside whose deadline has passed.';

-- One duty for some jobs that the caller has locked.
create function jobstream.do_duty(p_duty text, p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    case p_duty
        when 'promote' then perform jobstream.advance_jobs(p_ids);
        when 'rescue' then perform jobstream.rescue_jobs(p_ids, 'the lease expired');
        when 'bury' then perform jobstream.rescue_jobs(p_ids, 'the worker is gone');
        when 'grace' then perform jobstream.end_grace(p_ids);
        when 'expire' then perform jobstream.expire_jobs(p_ids);
        when 'prune', 'delete' then
            delete from jobstream.jobs as j where j.id = any (p_ids) and jobstream.is_terminal(j.status);
        when 'cancel' then
            perform jobstream.cancel_held(array(
                select j.id from jobstream.jobs as j
                where j.id = any (p_ids) and j.status = any (jobstream.bulk_statuses('cancel'))
            ));
        when 'retry' then
            perform jobstream.restart_jobs(array(
                select j.id from jobstream.jobs as j
                where j.id = any (p_ids) and j.status = any (jobstream.bulk_statuses('retry'))
            ));
    end case;
end
$$;

comment on function jobstream.do_duty(text, text[]) is 'One duty of maintenance for some jobs.';

-- The same, row by row where the batch fails: one bad row never blocks the rest.
create function jobstream.do_duty_safely(p_duty text, p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_id pg_catalog.text;
    v_message pg_catalog.text;
begin
    if p_ids = '{}' then
        return;
    end if;
    begin
        perform jobstream.do_duty(p_duty, p_ids);
        return;
    exception
        when others then
            null;
    end;
    foreach v_id in array p_ids loop
        begin
            perform jobstream.do_duty(p_duty, array[v_id]);
        exception
            when others then
                get stacked diagnostics v_message = message_text;
                raise warning 'jobstream: % of job % failed: %', p_duty, v_id, v_message;
        end;
    end loop;
end
$$;

comment on function jobstream.do_duty_safely(text, text[]) is
'One duty for some jobs: together, or one by one where that fails.';

-- Notes which workers' advisory locks are gone, and names those gone for 3 s. A lock taken before the server's start says
-- nothing, nor does a worker that withdrew (backend_pid null).
create function jobstream.lost_workers()
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    if not exists (select from jobstream.workers as w where w.backend_pid is not null) then
        return '{}';
    end if;
    update jobstream.workers as w
    set lock_lost_at = case when seen.is_held then null else v_now end
    from (
        select
            k.id,
            exists (
                select from pg_catalog.pg_locks as l
                where l.locktype = 'advisory'
                    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
                    and l.classid = 1785688947
                    and l.objid = k.number::pg_catalog.oid
                    and l.objsubid = 2
                    and l.granted
            ) as is_held
        from jobstream.workers as k
        where k.backend_pid is not null and k.locked_at > pg_postmaster_start_time()
        for update skip locked
    ) as seen
    where w.id = seen.id and seen.is_held = (w.lock_lost_at is not null);

    return array(
        select w.id
        from jobstream.workers as w
        where w.backend_pid is not null and w.lock_lost_at <= v_now - interval '3 s'
    );
end
$$;

comment on function jobstream.lost_workers() is 'Workers whose advisory lock has been gone for 3 s.';

-- Leases under an old snapshot: what a busy system leaves behind cannot be cleared from jobs_leased, and each look at its
-- front would walk all of it, once a second. So a session remembers up to when all leases have been seen to (every later
-- lease ends later: a claim gives at least a second), for 10 s at most, in case a claim was committed long after it was
-- made. And where finding the next end of a lease took long, it answers a second from now for a while.

create function jobstream.lease_floor(p_now timestamptz)
returns timestamptz
language sql
stable
as $$
    select case
        when pg_catalog.to_timestamp(f.seen[1]) between p_now - interval '10 s' and p_now
        then pg_catalog.to_timestamp(f.seen[2])
        else '-infinity'
    end
    from (
        select pg_catalog.string_to_array(pg_catalog.current_setting('jobstream.leases_seen', true), '|')::pg_catalog.float8[]
    ) as f (seen)
$$;

comment on function jobstream.lease_floor(timestamptz) is
'Up to when this session knows that all leases have been seen to.';

create function jobstream.raise_lease_floor(p_now timestamptz, p_floor timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if exists (
        select from jobstream.jobs as j
        where j.status = 'running' and j.lease_until > p_floor and j.lease_until <= p_now
    ) then
        return;
    end if;
    perform set_config('jobstream.leases_seen', concat_ws(
        '|',
        case
            when p_floor = '-infinity' then extract(epoch from p_now)::pg_catalog.text
            else split_part(current_setting('jobstream.leases_seen'), '|', 1)
        end,
        extract(epoch from p_now)
    ), false);
end
$$;

comment on function jobstream.raise_lease_floor(timestamptz, timestamptz) is
'Remembers that all leases up to now have been seen to, if none is left.';

create function jobstream.next_lease(p_now timestamptz)
returns timestamptz
language plpgsql
set search_path = ''
as $$
declare
    v_begin pg_catalog.timestamptz := clock_timestamp();
    v_next pg_catalog.timestamptz;
begin
    if to_timestamp(nullif(current_setting('jobstream.leases_slow_until', true), '')::pg_catalog.float8) > v_begin then
        return (
            select p_now + interval '1 s'
            from (
                select from jobstream.jobs as j where j.status = 'running' order by j.lease_until desc limit 1
            ) as running
        );
    end if;
    select j.lease_until
    into v_next
    from jobstream.jobs as j
    where j.status = 'running' and j.lease_until > p_now
    order by j.lease_until
    limit 1;
    if clock_timestamp() - v_begin > interval '20 ms' then
        perform set_config(
            'jobstream.leases_slow_until', extract(epoch from v_begin + interval '30 s')::pg_catalog.text, false
        );
    end if;
    return v_next;
end
$$;

comment on function jobstream.next_lease(timestamptz) is
'When the next lease ends; at busy times under an old snapshot a second from now.';

-- p_floor: no running job's lease ends before it.
create function jobstream.is_overdue(p_now timestamptz, p_floor timestamptz)
returns boolean
language sql
stable
as $$
    select exists (select from jobstream.jobs as j where j.hold = 'time' and j.scheduled_at <= p_now)
        or exists (
            select from jobstream.jobs as j
            where j.status = 'running' and j.lease_until > p_floor and j.lease_until <= p_now
        )
        or exists (
            select from jobstream.jobs as j
            where j.status = 'running' and j.cancel_requested and j.cancel_requested_at <= p_now - interval '10 s'
        )
        or exists (
            select from jobstream.jobs as j
            where j.deadline <= p_now and j.deadline is not null and j.status in ('waiting', 'pending', 'failed')
        )
        or jobstream.is_unsettled(p_now)
$$;

comment on function jobstream.is_overdue(timestamptz, timestamptz) is 'Whether something was due at that time and is there still.';

-- Answers when there is next work, null for none known. What was due at p_now and is there still was locked by somebody
-- or failed: a second later again.
create function jobstream.next_due(p_now timestamptz, p_floor timestamptz)
returns timestamptz
language sql
volatile
as $$
    select least(
        (
            select j.scheduled_at
            from jobstream.jobs as j
            where j.hold = 'time' and j.scheduled_at > p_now
            order by j.scheduled_at
            limit 1
        ),
        jobstream.next_lease(p_now),
        (
            select j.cancel_requested_at + interval '10 s'
            from jobstream.jobs as j
            where j.status = 'running' and j.cancel_requested and j.cancel_requested_at > p_now - interval '10 s'
            order by j.cancel_requested_at
            limit 1
        ),
        (
            select j.deadline
            from jobstream.jobs as j
            where j.deadline > p_now and j.deadline is not null and j.status in ('waiting', 'pending', 'failed')
            order by j.deadline
            limit 1
        ),
        (
            select j.look_at
            from jobstream.jobs as j
            where j.hold = 'settling' and j.look_at > p_now
            order by j.look_at
            limit 1
        ),
        (select min(l.look_at) from jobstream.leftovers as l where l.look_at > p_now),
        (
            select greatest(w.lock_lost_at + interval '3 s', p_now)
            from jobstream.workers as w
            where w.lock_lost_at is not null
            order by w.lock_lost_at
            limit 1
        ),
        (select p_now + interval '1 s' where jobstream.is_overdue(p_now, p_floor))
    )
$$;

comment on function jobstream.next_due(timestamptz, timestamptz) is 'When maintain() next has work by the clock.';

-- Deletes terminal jobs past their queue's retention, and never before their key, or their pipeline's, is 24 h old. It walks through the ids
-- with a stored position, a bounded way at a time, so that jobs that are kept for long are not walked past each time.
-- True: there is more to delete at once.
create function jobstream.prune_jobs()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_position pg_catalog.text := (select s.value from jobstream.settings as s where s.name = 'pruned_to');
    v_newest pg_catalog.text := jobstream.id_time(v_now - make_interval(days => least(
        7, (select min(q.retention_days) from jobstream.queues as q)
    )));
    v_looked pg_catalog.text[];
    v_ids pg_catalog.text[];
    v_pipelines pg_catalog.text[];
begin
    v_looked := array(
        select j.id
        from jobstream.jobs as j
        where j.id > v_position and j.id < v_newest
        order by j.id
        limit 20000
    );
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        left join jobstream.queues as q on j.queue = q.name
        where j.id between v_looked[1] and v_looked[cardinality(v_looked)]
            and j.status in ('done', 'dlq', 'cancelled')
            and j.completed_at < v_now - make_interval(days => coalesce(q.retention_days, 7))
            and (coalesce(j.idempotency_key, j.pipeline_id) is null or j.created_at < v_now - interval '24 h')
        order by j.id
        limit 5000
        for update of j skip locked
    );
    v_pipelines := array(
        select distinct j.pipeline_id
        from jobstream.jobs as j
        where j.id = any (v_ids) and j.pipeline_id is not null
    );
    perform jobstream.do_duty_safely('prune', v_ids);
    delete from jobstream.pipelines as p
    where p.id = any (v_pipelines)
        and not exists (select from jobstream.jobs as j where j.pipeline_id = p.id);

    update jobstream.settings as s
    set value = case
        when cardinality(v_ids) = 5000 then v_ids[5000]
        when cardinality(v_looked) = 20000 then v_looked[20000]
        else ''
    end
    where s.name = 'pruned_to';
    return cardinality(v_ids) = 5000 or (cardinality(v_ids) > 0 and cardinality(v_looked) = 20000);
end
$$;

comment on function jobstream.prune_jobs() is
'Deletes ended jobs past their retention, a batch; true: there is more at once.';

-- The housekeeping that need not happen every second: at most once a minute over all callers.
create function jobstream.keep_house()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_kept_days integer;
    v_is_more boolean;
begin
    perform from jobstream.settings as s
    where s.name = 'house_kept_at'
        and (s.value::numeric < extract(epoch from v_now) - 60 or s.value::numeric > extract(epoch from v_now))
    for update skip locked;
    if not found then
        return false;
    end if;
    update jobstream.settings as s set value = extract(epoch from v_now)::pg_catalog.text where s.name = 'house_kept_at';
    v_is_more := jobstream.prune_jobs();
    select s.value::integer into v_kept_days from jobstream.settings as s where s.name = 'event_retention_days';
    delete from jobstream.stream_snapshots as s where s.created_at < v_now - make_interval(days => v_kept_days + 1);
    delete from jobstream.workers as w where w.seen_at < v_now - interval '1 day';
    delete from jobstream.schedule_runs as r where r.due_at < v_now - interval '30 days';
    delete from jobstream.tokens as t where t.expires_at < v_now - interval '30 days';
    delete from jobstream.bulk_operations as b where b.completed_at < v_now - interval '30 days';
    if v_is_more then
        update jobstream.settings as s set value = '0' where s.name = 'house_kept_at';
    end if;
    if not jobstream.keep_event_days() then
        raise notice 'jobstream: partitions of job_events wait for a lock; tried again next time';
    end if;
    return v_is_more;
end
$$;

comment on function jobstream.keep_house() is
'Retention and partitions, at most once a minute; true: there is more to delete at once.';

create function jobstream.maintain()
returns timestamptz
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set enable_bitmapscan = off
as $$
declare
    v_batch constant integer := 1000;
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_lost pg_catalog.text[];
    v_ids pg_catalog.text[];
    v_settled integer;
    v_floor pg_catalog.timestamptz := jobstream.lease_floor(v_now);
    v_is_more boolean := false;
begin
    perform jobstream.act_as('maintain');
    perform jobstream.enter_epoch();
    -- First, while nothing else is locked: it is the one duty that waits for rows.
    v_is_more := jobstream.work_on_bulk();

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.hold = 'time' and j.scheduled_at <= v_now
        order by j.scheduled_at limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('promote', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.deadline <= v_now and j.deadline is not null and j.status in ('waiting', 'pending', 'failed')
        order by j.deadline limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('expire', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.status = 'running' and j.cancel_requested and j.cancel_requested_at <= v_now - interval '10 s'
        order by j.cancel_requested_at limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('grace', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.status = 'running' and j.lease_until > v_floor and j.lease_until <= v_now
        order by j.lease_until limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('rescue', v_ids);
    perform jobstream.raise_lease_floor(v_now, v_floor);

    v_lost := jobstream.lost_workers();
    if v_lost <> '{}' then
        v_ids := array(
            select j.id from jobstream.jobs as j
            where j.status = 'running' and j.worker = any (v_lost)
            order by j.lease_until limit v_batch for update skip locked
        );
        v_is_more := v_is_more or cardinality(v_ids) = v_batch;
        perform jobstream.do_duty_safely('bury', v_ids);
        delete from jobstream.workers as w
        where w.id = any (v_lost)
            and not exists (select from jobstream.jobs as j where j.status = 'running' and j.worker = w.id);
    end if;

    -- What one round cancels or lets through may leave something for the next.
    for v_round in 1..10 loop
        v_settled := jobstream.settle_jobs(v_batch);
        exit when v_settled = 0;
    end loop;
    v_is_more := v_is_more or v_settled > 0;
    v_is_more := jobstream.keep_house() or v_is_more;
    perform jobstream.act_as('');
    return case when v_is_more then v_now else jobstream.next_due(v_now, v_floor) end;
end
$$;

comment on function jobstream.maintain() is
'Promotes what is due, rescues, expires, settles, cleans up; answers when it next has work (null: none known). Safe from anywhere, pg_cron included.';
