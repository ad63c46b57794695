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
