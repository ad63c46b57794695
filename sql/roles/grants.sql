-- Who may do what. Nobody gets INSERT on jobs, nor any write to job_events: the functions do that.
grant usage on schema jobstream to jobstream_read, jobstream_produce, jobstream_work, jobstream_operate;

-- Harmless helpers that views and policies call as the one who asks.
grant execute on function
jobstream.clock(),
jobstream.explain_job(text),
jobstream.stream_epoch(),
jobstream.enter_epoch(),
jobstream.flush_wal(),
jobstream.keep_snapshots(text[], text[])
to jobstream_read, jobstream_produce, jobstream_work, jobstream_operate;

-- jobstream_read: everything but secrets.
grant select on
jobstream.jobs,
jobstream.job_labels,
jobstream.job_awaits,
jobstream.job_events,
jobstream.job_events_rest,
jobstream.event_horizon,
jobstream.stream_snapshots,
jobstream.queues,
jobstream.workers,
jobstream.pipelines,
jobstream.schedules,
jobstream.schedule_runs,
jobstream.bulk_operations,
jobstream.schema_version,
jobstream.queue_stats,
jobstream.running_jobs,
jobstream.stuck_jobs,
jobstream.dlq_jobs,
jobstream.job_timeline,
jobstream.live_workers,
jobstream.health,
jobstream.status
to jobstream_read, jobstream_work;

-- jobstream_produce: enqueue; read and cancel its own (row level security below).
grant select on
jobstream.jobs,
jobstream.job_events,
jobstream.event_horizon,
jobstream.stream_snapshots,
jobstream.pipelines,
jobstream.schema_version,
jobstream.job_timeline
to jobstream_produce;
grant execute on function
jobstream.new_id(),
jobstream.id_time(timestamptz),
jobstream.id_tail(),
jobstream.base32_digit(bigint, integer),
jobstream.enqueue(
    text, jsonb, text, integer, timestamptz, interval, timestamptz, text, integer, jsonb, integer, jsonb, text,
    text[], text, text, text, text, text, text, text, text, text
),
jobstream.enqueue_many(jsonb),
jobstream.create_pipeline(text, jsonb, text, text, text),
jobstream.cancel(text, boolean),
jobstream.cancel_pipeline(text)
to jobstream_produce, jobstream_work;

-- jobstream_work: leases and what a worker says of them; any worker may keep maintenance going.
grant execute on function
jobstream.claim(text[], integer, text, interval, jsonb),
jobstream.heartbeat(text[], integer[], interval),
jobstream.complete(text, integer, jsonb, numeric),
jobstream.complete_many(text[], integer[], jsonb[]),
jobstream.fail(text, integer, jsonb, boolean, timestamptz),
jobstream.reject_result(text, integer, text),
jobstream.release(text, integer, interval),
jobstream.report_progress(text, integer, numeric, numeric, text, numeric),
jobstream.log(text, integer, text, text),
jobstream.emit(text, integer, text, jsonb),
jobstream.register_worker(text, text, integer, text, text[], text[], integer),
jobstream.attach_worker(text),
jobstream.detach_worker(text),
jobstream.touch_worker(text, integer, real, bigint),
jobstream.remove_worker(text),
jobstream.declare_schedules(text[], interval),
jobstream.fire_schedule(text, timestamptz, timestamptz),
jobstream.defer_schedule(text, timestamptz, text),
jobstream.maintain()
to jobstream_work;

-- jobstream_operate: all of the above, and plain UPDATE and DELETE on jobs, checked by triggers.
grant update (
    id, queue, kind, priority, status, reason, attempt, failures, crashes, max_attempts, scheduled_at, deadline,
    created_at, started_at, completed_at, lease_until, worker, cancel_requested, owner, idempotency_key,
    concurrency_key, unique_key, await_jobs, await_for, timeout_seconds, backoff, labels, args, progress, result,
    last_error, errors, trigger, triggered_by, parent_job, pipeline_id, pipeline_step, cron_expr, cost_usd, class,
    mode, scope
) on jobstream.jobs to jobstream_operate;
grant delete on jobstream.jobs to jobstream_operate;
grant execute on function
jobstream.retry(text),
jobstream.run_now(text),
jobstream.reschedule(text, timestamptz),
jobstream.retry_dlq(text, text, integer),
jobstream.cancel_where(jsonb, boolean, text),
jobstream.retry_where(jsonb, boolean, text),
jobstream.delete_where(jsonb, boolean, text),
jobstream.retry_pipeline(text),
jobstream.set_queue(text, boolean, integer, integer, integer, integer, integer),
jobstream.pause_queue(text),
jobstream.resume_queue(text),
jobstream.put_schedule(text, text, text, jsonb, text, boolean, text),
jobstream.delete_schedule(text),
jobstream.run_schedule(text),
jobstream.set_event_retention(integer)
to jobstream_operate;

-- Rows: a login with jobstream_produce alone sees what is its own or nobody's.
alter table jobstream.jobs enable row level security;
create policy everything on jobstream.jobs to jobstream_read, jobstream_work, jobstream_operate using (true);
create policy own on jobstream.jobs for select to jobstream_produce using (owner in ('', session_user));

alter table jobstream.job_events enable row level security;
create policy everything on jobstream.job_events for select
to jobstream_read, jobstream_work, jobstream_operate using (true);
create policy own on jobstream.job_events for select to jobstream_produce using (owner in ('', session_user));

alter table jobstream.pipelines enable row level security;
create policy everything on jobstream.pipelines for select
to jobstream_read, jobstream_work, jobstream_operate using (true);
create policy own on jobstream.pipelines for select to jobstream_produce using (owner in ('', session_user));
