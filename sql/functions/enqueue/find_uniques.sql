-- {ordinal: id} of the requests that a unique key makes a repetition: of a job that is there, or of an earlier request.
-- A request whose idempotency key is there already is answered by that, and stands for nobody else's unique key.
-- Locks: the advisory locks of the keys, in ascending order, until the transaction ends.
create function jobstream.find_uniques(p_jobs jobstream.new_job[])
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan -- as check_new_jobs
as $$
begin
    perform pg_advisory_xact_lock(1785688950, k.number)
    from (
        select distinct hashtext(concat_ws(chr(31), n.owner, n.kind, n.unique_key)) as number
        from unnest(p_jobs) as n
        where n.unique_key is not null
        order by number
    ) as k;

    return (
        select coalesce(jsonb_object_agg(f.ordinal, f.id) filter (where f.id is not null), '{}')
        from (
            select
                n.ordinal,
                coalesce(there.id, nullif(first_value(n.id) over w, n.id)) as id
            from unnest(p_jobs) as n
            left join lateral (
                select j.id
                from jobstream.jobs as j
                where j.kind = n.kind
                    and j.status in ('waiting', 'pending', 'running', 'failed')
                    and j.unique_key = n.unique_key
                    and j.owner = n.owner
                    and (
                        j.status in ('waiting', 'pending')
                        or (n.unique_for = 'active' and j.status in ('running', 'failed'))
                    )
                order by j.id
                limit 1
            ) as there on true
            where n.unique_key is not null
                and not exists (
                    select from jobstream.jobs as k
                    where k.owner = n.owner and k.idempotency_key = n.idempotency_key
                )
            window w as (partition by n.owner, n.kind, n.unique_key order by n.ordinal)
        ) as f
    );
end
$$;

comment on function jobstream.find_uniques(jobstream.new_job[]) is
'{ordinal: id} of the requests that a unique key makes a repetition.';
