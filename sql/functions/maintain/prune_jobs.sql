-- Deletes terminal jobs past their queue's retention, and never before their key, or their pipeline's, is 24 h old. It walks through the ids
-- with a stored position, a bounded way at a time, so that jobs that are kept for long are not walked past each time.
-- True: there is more to delete at once.
create function jobstream.prune_jobs()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_position pg_catalog.text := (select s.value from jobstream.settings as s where s.name = 'pruned_to');
    v_newest pg_catalog.text := jobstream.id_time(v_now - make_interval(days => least(
        7, (select min(q.retention_days) from jobstream.queues as q)
    )));
    v_looked pg_catalog.text[];
    v_ids pg_catalog.text[];
    v_pipelines pg_catalog.text[];
begin
    v_looked := array(
        select j.id
        from jobstream.jobs as j
        where j.id > v_position and j.id < v_newest
        order by j.id
        limit 20000
    );
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        left join jobstream.queues as q on j.queue = q.name
        where j.id between v_looked[1] and v_looked[cardinality(v_looked)]
            and j.status in ('done', 'dlq', 'cancelled')
            and j.completed_at < v_now - make_interval(days => coalesce(q.retention_days, 7))
            and (coalesce(j.idempotency_key, j.pipeline_id) is null or j.created_at < v_now - interval '24 h')
        order by j.id
        limit 5000
        for update of j skip locked
    );
    v_pipelines := array(
        select distinct j.pipeline_id
        from jobstream.jobs as j
        where j.id = any (v_ids) and j.pipeline_id is not null
    );
    perform jobstream.do_duty_safely('prune', v_ids);
    delete from jobstream.pipelines as p
    where p.id = any (v_pipelines)
        and not exists (select from jobstream.jobs as j where j.pipeline_id = p.id);

    update jobstream.settings as s
    set value = case
        when cardinality(v_ids) = 5000 then v_ids[5000]
        when cardinality(v_looked) = 20000 then v_looked[20000]
        else ''
    end
    where s.name = 'pruned_to';
    return cardinality(v_ids) = 5000 or (cardinality(v_ids) > 0 and cardinality(v_looked) = 20000);
end
$$;

comment on function jobstream.prune_jobs() is
'Deletes ended jobs past their retention, a batch; true: there is more at once.';
