-- One line why a job is not running now, or what it does.
create function jobstream.explain_job(id text)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_job jobstream.jobs;
    v_queue jobstream.queues;
    v_other pg_catalog.text;
    v_count bigint;
begin
    select j.* into v_job from jobstream.jobs as j where j.id = explain_job.id;
    if not found or not jobstream.may_see(v_job.owner) then
        perform jobstream.refuse('JS404', 'no such job: ' || coalesce(explain_job.id, 'null'));
    end if;

    if v_job.status = 'running' then
        return format(
            'running: attempt %s on %s, lease until %s%s', v_job.attempt, v_job.worker, v_job.lease_until,
            case
                when v_job.cancel_requested then ', asked to stop'
                when v_job.lease_until < v_now then ', expired: it is rescued at the next maintain()'
                else ''
            end
        );
    elsif jobstream.is_terminal(v_job.status) then
        return concat_ws(
            ', ', v_job.status || ' since ' || v_job.completed_at, 'reason ' || v_job.reason, v_job.last_error
        );
    elsif v_job.deadline <= v_now then
        return 'its deadline has passed: it goes to dlq at the next maintain()';
    elsif v_job.hold = 'settling' then
        return 'it was just enqueued or changed: looked at by the next claim() or maintain()';
    elsif v_job.hold = 'upstream' then
        select
            string_agg(u.id || ' (' || u.status || ')', ', ' order by u.id) filter (where u.place <= 3), count(*)
        into v_other, v_count
        from (
            select j.id, j.status, row_number() over (order by j.id) as place
            from jobstream.job_awaits as a
            inner join jobstream.jobs as j on a.upstream_id = j.id
            where a.job_id = v_job.id and not jobstream.is_terminal(j.status)
        ) as u;
        return case
            when v_count = 0 then 'what it waited for has ended: looked at by the next claim() or maintain()'
            else format('waits for %s job(s): %s', v_count, v_other)
        end;
    elsif v_job.hold = 'time' then
        -- One that was claimed before may have been given back because nobody there had a handler.
        return concat_ws(
            '; ',
            case when v_job.status = 'failed' then 'failed ' || v_job.failures || ' time(s), next attempt due' else 'due' end
            || ' at ' || v_job.scheduled_at,
            case when v_job.attempt > 0 then jobstream.worker_fault(v_job.queue, v_job.kind) end
        );
    elsif v_job.hold = 'key' then
        select string_agg(h.id || ' (' || h.status || ')', ', ' order by h.id)
        into v_other
        from (
            select j.id, j.status
            from jobstream.jobs as j
            where j.queue = v_job.queue
                and j.concurrency_key = v_job.concurrency_key
                and j.status in ('pending', 'running')
            order by j.priority, j.id
            limit 3
        ) as h;
        return format('concurrency key %s is held by %s', v_job.concurrency_key, coalesce(v_other, 'nobody: it is next'));
    end if;

    select q.* into v_queue from jobstream.queues as q where q.name = v_job.queue;
    if v_queue.paused then
        return concat_ws(' ', 'queue', v_job.queue, 'is paused', 'by ' || v_queue.paused_by, 'since ' || v_queue.paused_at);
    end if;
    if v_queue.max_running is not null then
        select count(*) into v_count from jobstream.jobs as j where j.status = 'running' and j.queue = v_job.queue;
        if v_count >= v_queue.max_running then
            return format('queue %s runs %s of at most %s jobs', v_job.queue, v_count, v_queue.max_running);
        end if;
    end if;
    if v_queue.rate_count is not null and jobstream.rate_tokens(v_queue, v_now) < 1 then
        return format(
            'queue %s is out of tokens: %s claims in %s s', v_job.queue, v_queue.rate_count, v_queue.rate_seconds
        );
    end if;
    v_other := jobstream.worker_fault(v_job.queue, v_job.kind);
    if v_other is not null then
        return v_other;
    end if;
    select count(*)
    into v_count
    from (
        select from jobstream.jobs as j
        where j.status = 'pending' and j.queue = v_job.queue and (j.priority, j.id) < (v_job.priority, v_job.id)
        limit 10001
    ) as ahead;
    return case
        when v_count = 0 then 'next in its queue: claimed as soon as a worker has room'
        else format('%s%s job(s) of queue %s are ahead of it', least(v_count, 10000), case when v_count > 10000 then '+' else '' end, v_job.queue)
    end;
end
$$;

comment on function jobstream.explain_job(text) is 'One line: why a job is not running now. JS404.';
