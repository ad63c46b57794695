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
