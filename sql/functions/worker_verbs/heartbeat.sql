-- Renews many leases; rows that somebody has locked are left for the next time. An expired lease that nobody has rescued
-- is renewed too.
create function jobstream.heartbeat(ids text[], attempts integer[], lease interval default '30 s')
returns table (id text, lost boolean, cancel_requested boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_until pg_catalog.timestamptz := jobstream.clock() + heartbeat.lease;
    v_places pg_catalog.tid[];
begin
    perform jobstream.act_as('work');
    if cardinality(ids) <> cardinality(attempts) then
        perform jobstream.refuse('JS400', 'ids and attempts must be of one length');
    elsif heartbeat.lease is null or heartbeat.lease < interval '1 s' or heartbeat.lease > interval '1 day' then
        perform jobstream.refuse('JS400', 'lease must be 1 second to 1 day', '{"field": "lease"}');
    end if;
    v_places := array(
        select locked.place
        from (
            select u.id, u.attempt
            from unnest(heartbeat.ids, heartbeat.attempts) as u (id, attempt)
            order by u.id
            offset 0
        ) as asked
        cross join lateral (
            select j.ctid as place, j.status as status_now
            from jobstream.jobs as j
            where j.id = asked.id and j.attempt = asked.attempt
            for update skip locked
            offset 0
        ) as locked
        where locked.status_now = 'running'
    );
    update jobstream.jobs as j
    set lease_until = v_until, revision = j.revision + 1
    where j.ctid = any (array(select p.place from unnest(v_places) as p (place)));

    return query
    select
        u.id,
        coalesce(j.status <> 'running' or j.attempt <> u.attempt, true),
        coalesce(j.status = 'running' and j.attempt = u.attempt and j.cancel_requested, false)
    from unnest(heartbeat.ids, heartbeat.attempts) with ordinality as u (id, attempt, place)
    left join lateral (
        select t.status, t.attempt, t.cancel_requested
        from jobstream.jobs as t
        where t.id = u.id
        offset 0
    ) as j on true
    order by u.place;
end
$$;

comment on function jobstream.heartbeat(text[], integer[], interval) is
'Renews the leases of running attempts; says which are lost and which should stop.';
