create function jobstream.maintain()
returns timestamptz
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set enable_bitmapscan = off
as $$
declare
    v_batch constant integer := 1000;
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_lost pg_catalog.text[];
    v_ids pg_catalog.text[];
    v_settled integer;
    v_floor pg_catalog.timestamptz := jobstream.lease_floor(v_now);
    v_is_more boolean := false;
begin
    perform jobstream.act_as('maintain');
    perform jobstream.enter_epoch();
    -- First, while nothing else is locked: it is the one duty that waits for rows.
    v_is_more := jobstream.work_on_bulk();

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.hold = 'time' and j.scheduled_at <= v_now
        order by j.scheduled_at limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('promote', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.deadline <= v_now and j.deadline is not null and j.status in ('waiting', 'pending', 'failed')
        order by j.deadline limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('expire', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.status = 'running' and j.cancel_requested and j.cancel_requested_at <= v_now - interval '10 s'
        order by j.cancel_requested_at limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('grace', v_ids);

    v_ids := array(
        select j.id from jobstream.jobs as j
        where j.status = 'running' and j.lease_until > v_floor and j.lease_until <= v_now
        order by j.lease_until limit v_batch for update skip locked
    );
    v_is_more := v_is_more or cardinality(v_ids) = v_batch;
    perform jobstream.do_duty_safely('rescue', v_ids);
    perform jobstream.raise_lease_floor(v_now, v_floor);

    v_lost := jobstream.lost_workers();
    if v_lost <> '{}' then
        v_ids := array(
            select j.id from jobstream.jobs as j
            where j.status = 'running' and j.worker = any (v_lost)
            order by j.lease_until limit v_batch for update skip locked
        );
        v_is_more := v_is_more or cardinality(v_ids) = v_batch;
        perform jobstream.do_duty_safely('bury', v_ids);
        delete from jobstream.workers as w
        where w.id = any (v_lost)
            and not exists (select from jobstream.jobs as j where j.status = 'running' and j.worker = w.id);
    end if;

    -- What one round cancels or lets through may leave something for the next.
    for v_round in 1..10 loop
        v_settled := jobstream.settle_jobs(v_batch);
        exit when v_settled = 0;
    end loop;
    v_is_more := v_is_more or v_settled > 0;
    v_is_more := jobstream.keep_house() or v_is_more;
    perform jobstream.act_as('');
    return case when v_is_more then v_now else jobstream.next_due(v_now, v_floor) end;
end
$$;

comment on function jobstream.maintain() is
'Promotes what is due, rescues, expires, settles, cleans up; answers when it next has work (null: none known). Safe from anywhere, pg_cron included.';
