-- Completes many; never raises for one of them: lost says which attempts no longer ran. A result over 1 MiB sets its own
-- job aside (dlq, unstorable_result). Rows are locked in ascending id in one statement and written in the next, whose
-- snapshot sees what was locked; results travel in one object, so that no join of jobs to an array is needed.
create function jobstream.complete_many(ids text[], attempts integer[], results jsonb[] default null)
returns table (id text, status text, lost boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_places pg_catalog.tid[];
    v_results pg_catalog.jsonb;
    v_too_long pg_catalog.text[];
begin
    perform jobstream.act_as('work');
    if cardinality(ids) <> cardinality(attempts) or cardinality(ids) <> coalesce(cardinality(results), cardinality(ids))
    then
        perform jobstream.refuse('JS400', 'ids, attempts and results must be of one length');
    end if;
    if array_length(array_remove(results, null), 1) > 0 then
        select
            jsonb_object_agg(u.id, u.result) filter (where jobstream.json_fault(u.result) is null),
            array_agg(u.id) filter (where jobstream.json_fault(u.result) is not null)
        into v_results, v_too_long
        from unnest(complete_many.ids, complete_many.results) as u (id, result)
        where u.result is not null and u.id is not null;
    end if;

    v_places := array(
        select locked.place
        from (
            select u.id, u.attempt
            from unnest(complete_many.ids, complete_many.attempts) as u (id, attempt)
            order by u.id
            offset 0
        ) as asked
        cross join lateral (
            select j.ctid as place, j.status as status_now
            from jobstream.jobs as j
            where j.id = asked.id and j.attempt = asked.attempt
            for update
            offset 0
        ) as locked
        where locked.status_now = 'running' and asked.id <> all (coalesce(v_too_long, '{}'))
    );
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = 'done',
        completed_at = v_now,
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        result = v_results -> j.id,
        ended_attempt = j.attempt,
        ended_verb = 'complete'
    where j.ctid = any (array(select p.place from unnest(v_places) as p (place)));

    if v_too_long is not null then
        perform jobstream.reject_result(u.id, u.attempt, 'the result is over 1 MiB')
        from unnest(complete_many.ids, complete_many.attempts) as u (id, attempt)
        cross join lateral (
            select from jobstream.jobs as j
            where j.id = u.id and j.attempt = u.attempt and j.status = 'running'
        ) as running
        where u.id = any (v_too_long);
    end if;

    return query
    select u.id, j.status, coalesce(j.ended_attempt <> u.attempt or j.ended_verb not in ('complete', 'reject'), true)
    from unnest(complete_many.ids, complete_many.attempts) with ordinality as u (id, attempt, place)
    left join lateral (
        select t.status, t.ended_attempt, t.ended_verb
        from jobstream.jobs as t
        where t.id = u.id
        offset 0
    ) as j on true
    order by u.place;
end
$$;

comment on function jobstream.complete_many(text[], integer[], jsonb[]) is
'Ends many attempts well, in one statement; lost: that attempt no longer ran.';
