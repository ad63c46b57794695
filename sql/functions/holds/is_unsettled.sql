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
