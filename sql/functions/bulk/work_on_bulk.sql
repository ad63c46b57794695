-- One batch of the oldest open operation that nobody else works on; true: there is more to do.
create function jobstream.work_on_bulk()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_batch constant integer := 500;
    v_before pg_catalog.text := coalesce(current_setting('jobstream.principal', true), '');
    v_bulk jobstream.bulk_operations;
    v_ids pg_catalog.text[];
    v_locked pg_catalog.text[];
    v_left bigint;
begin
    select b.*
    into v_bulk
    from jobstream.bulk_operations as b
    where b.status = 'running'
    order by b.id
    limit 1
    for update skip locked;
    if not found then
        return false;
    end if;
    v_ids := array(
        select m.id
        from jobstream.matching_jobs(v_bulk.action, v_bulk.filter, v_bulk.owner, v_bulk.position, v_batch) as m (id)
    );
    perform jobstream.act_as('bulk');
    perform set_config('jobstream.principal', coalesce(v_bulk."by", ''), true);
    v_locked := jobstream.lock_batch(v_ids);
    perform jobstream.do_duty_safely(v_bulk.action, v_locked);
    perform set_config('jobstream.principal', v_before, true);
    select cardinality(v_ids) - count(*)
    into v_left
    from jobstream.jobs as j
    where j.id = any (v_locked)
        and j.status <> all (jobstream.bulk_statuses(v_bulk.action));
    if v_bulk.action = 'delete' then
        select count(*) into v_left from jobstream.jobs as j where j.id = any (v_ids);
    end if;
    update jobstream.bulk_operations as b
    set
        position = coalesce((select min(i.id) from unnest(v_ids) as i (id)), b.position),
        done = b.done + cardinality(v_ids) - v_left,
        skipped = b.skipped + v_left,
        status = case when cardinality(v_ids) < v_batch then 'done' else 'running' end,
        completed_at = case when cardinality(v_ids) < v_batch then jobstream.clock() end
    where b.id = v_bulk.id;
    perform jobstream.act_as('maintain');
    return true;
end
$$;

comment on function jobstream.work_on_bulk() is
'One batch of the oldest open bulk operation; true: there may be more to do.';
