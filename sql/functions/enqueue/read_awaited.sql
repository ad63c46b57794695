-- What the requests await, as committed now: {id of the request: {"open": [ids], "failed": id, "ended": its status}}.
-- JS404 where an awaited job is unknown or another owner's. Reads only: nobody's row is locked.
create function jobstream.read_awaited(p_jobs jobstream.new_job[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_missing pg_catalog.record;
begin
    select n.ordinal, a.id
    into v_missing
    from unnest(p_jobs) as n
    cross join lateral unnest(n.await_jobs) as a (id)
    where a.id is null
        or not exists (select from jobstream.jobs as u where u.id = a.id and u.owner = n.owner)
    order by n.ordinal
    limit 1;
    if found then
        perform jobstream.refuse(
            'JS404', 'no such job to await: ' || coalesce(v_missing.id, 'null'),
            jsonb_build_object('ordinal', v_missing.ordinal, 'field', 'await_jobs')
        );
    end if;

    return (
        select coalesce(jsonb_object_agg(r.id, r.awaited), '{}')
        from (
            select
                n.id,
                jsonb_build_object(
                    'open', coalesce(
                        jsonb_agg(distinct u.id) filter (where u.status not in ('done', 'dlq', 'cancelled')), '[]'
                    ),
                    'failed', min(u.id) filter (where n.await_for = 'done' and u.status in ('dlq', 'cancelled')),
                    'ended', (
                        array_agg(u.status order by u.id) filter (where u.status in ('dlq', 'cancelled'))
                    )[1]
                ) as awaited
            from unnest(p_jobs) as n
            cross join lateral unnest(n.await_jobs) as a (id)
            inner join jobstream.jobs as u on a.id = u.id
            group by n.id
        ) as r
    );
end
$$;

comment on function jobstream.read_awaited(jobstream.new_job[]) is
'What the requests await: {id of the request: {open, failed, ended}}. JS404.';
