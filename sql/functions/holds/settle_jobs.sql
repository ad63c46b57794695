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
