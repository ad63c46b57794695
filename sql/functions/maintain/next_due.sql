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
