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
