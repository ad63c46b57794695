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
