-- Answers for requests of which some were there before: by idempotency key, where the fingerprints must match (JS422),
-- or by unique key. A fresh snapshot: who won may have committed after our insert began.
create function jobstream.known_jobs(
    p_jobs jobstream.new_job[], p_ids text[], p_statuses text[], p_known jsonb
)
returns table (ordinal integer, id text, status text, idempotent boolean)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan -- as check_new_jobs
as $$
declare
    v_answer pg_catalog.record;
begin
    for v_answer in
        select
            n.ordinal,
            coalesce(own.id, there.id) as id,
            coalesce(own.status, there.status) as status,
            own.id is null as idempotent,
            own.id is null and not p_known ? n.ordinal::pg_catalog.text
            and there.fingerprint is distinct from jobstream.fingerprint(n) as is_other
        from unnest(p_jobs) as n
        left join unnest(p_ids, p_statuses) as own (id, status) on n.id = own.id
        left join lateral (
            select j.id, j.status, j.fingerprint
            from jobstream.jobs as j
            where own.id is null and j.id = p_known ->> n.ordinal::pg_catalog.text
            union all
            select j.id, j.status, j.fingerprint
            from jobstream.jobs as j
            where own.id is null and not p_known ? n.ordinal::pg_catalog.text
                and j.owner = n.owner and j.idempotency_key = n.idempotency_key
        ) as there on true
        order by n.ordinal
    loop
        if v_answer.id is null then
            raise exception using errcode = '40001', message = 'the job of that idempotency key is just being deleted';
        elsif v_answer.is_other then
            perform jobstream.refuse(
                'JS422', 'this idempotency key was used with another request',
                jsonb_build_object('ordinal', v_answer.ordinal, 'field', 'idempotency_key', 'id', v_answer.id)
            );
        end if;
        ordinal := v_answer.ordinal;
        id := v_answer.id;
        status := v_answer.status;
        idempotent := v_answer.idempotent;
        return next;
    end loop;
end
$$;

comment on function jobstream.known_jobs(jobstream.new_job[], text[], text[], jsonb) is
'Answers for requests of which some were there before. JS422.';
