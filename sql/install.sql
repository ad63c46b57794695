-- The whole schema, in order: psql -f sql/install.sql, or jobstream migrate.
-- This list is the table of contents.
\ir schema.sql
\ir tables/schema_version.sql
\ir functions/clock.sql

\ir functions/new_id/id_sequence.sql
\ir functions/new_id/base32_digit.sql
\ir functions/new_id/id_time.sql
\ir functions/new_id/id_tail.sql
\ir functions/new_id/new_id.sql
\ir functions/new_id/is_id.sql

\ir functions/refuse.sql

\ir tables/settings.sql
\ir tables/queues.sql
\ir tables/jobs.sql
\ir tables/job_labels.sql
\ir tables/job_awaits.sql
\ir tables/job_events.sql
\ir tables/workers.sql
\ir tables/tokens.sql
\ir tables/pipelines.sql
\ir tables/schedules.sql
\ir tables/bulk_operations.sql
\ir tables/leftovers.sql

\ir functions/states/may_become.sql
\ir functions/states/is_terminal.sql

\ir functions/actor/act_as.sql
\ir functions/actor/verb.sql
\ir functions/actor/may_touch.sql
\ir functions/actor/actor.sql
\ir functions/actor/may_see.sql

-- What values may look like: the limits of the contract, in one place for enqueue and for plain UPDATEs.
-- Each function answers what is wrong, in words, or null.
\ir functions/values/name_fault.sql
\ir functions/values/json_length.sql
\ir functions/values/json_fault.sql
\ir functions/values/labels_fault.sql
\ir functions/values/backoff_fault.sql
\ir functions/values/whole_backoff.sql
\ir functions/values/time_fault.sql
\ir functions/values/check_values.sql

\ir functions/job_labels/labels_of.sql
\ir functions/job_labels/relabel_job.sql

-- Everything that happens to jobs becomes an event here, one INSERT for a whole statement: a claim of 100 jobs costs one
-- statement of 100 events. The job's row lock is held, so for one job the order of ids is the order of commits.
\ir triggers/record_jobs/keep_events_durable.sql
\ir triggers/record_jobs/status_data.sql
\ir triggers/record_jobs/legal_from.sql
\ir triggers/record_jobs/record_inserts.sql
\ir triggers/record_jobs/record_updates.sql
\ir triggers/record_jobs/record_deletes.sql
\ir triggers/record_jobs/forget_verb.sql

\ir triggers/check_jobs/check_insert.sql
\ir triggers/check_jobs/check_update.sql
\ir triggers/check_jobs/refuse_delete.sql

-- The bell. NOTIFY makes commits queue up one by one, so it is rung only when it must: at commit (deferred), once a
-- transaction, and only by who gets the bell's lock; who does not skips, because the winner's ring already set the
-- listeners reading, and they go on polling while events flow.
-- Modes, by the setting jobstream.bell: doorbell (default), notify (every transaction), off.
\ir triggers/ring/first_ring.sql
\ir triggers/ring/may_ring.sql
\ir triggers/ring/ring.sql
\ir triggers/ring/ring_events.sql
\ir triggers/ring/ring_ready.sql

-- The fence. A worker's verb counts only where its job is running with the attempt that it names. The same verb again
-- with the attempt that it ended changes nothing and succeeds: a lost acknowledgement can be repeated.
\ir functions/attempts/lock_attempt.sql
\ir functions/attempts/lock_jobs.sql
\ir functions/attempts/backoff_delay.sql
\ir functions/attempts/error_entry.sql
\ir functions/attempts/error_text.sql
\ir functions/attempts/add_error.sql

-- Held jobs: why a job that is not done with waiting is not pending. hold says it:
--   settling   nobody has looked yet: enqueued, rescheduled or retried a moment ago
--   upstream   job_awaits has rows for it
--   time       scheduled_at is ahead (failed jobs in backoff too)
--   key        its concurrency key is taken
-- advance_jobs() decides; it is called after a commit made the question answerable (settle_jobs), when a time has come
-- (maintain) and when an upstream or a key's holder has left (release_followers).
--
-- Lock order of the whole schema: a verb locks its own rows, in ascending id, and waits for them. Whatever it touches on
-- behalf of others it only tries to lock; what it does not get, or what would be too much for one transaction, it notes in
-- leftovers. So nobody waits while holding something that somebody else waits for.
\ir functions/holds/take_jobs.sql
\ir functions/holds/advance_jobs.sql
\ir functions/holds/admit_jobs.sql
\ir functions/holds/make_way.sql
\ir functions/holds/is_free.sql
\ir functions/holds/free_followers.sql
\ir functions/holds/resolve_awaits.sql
\ir functions/holds/is_to_look_at.sql
\ir functions/holds/settle_jobs.sql
\ir functions/holds/settle_leftovers.sql
\ir functions/holds/settle_followers.sql
\ir functions/holds/is_unsettled.sql

-- Enqueue: one INSERT for any number of jobs. It touches no counter and no other job's row, so a transaction that
-- enqueued and stays open holds up nobody: jobs that await others or share a concurrency key start held and are let
-- through by settle_jobs() after the commit.
\ir functions/enqueue/new_job.sql
\ir functions/enqueue/new_job_fault.sql
\ir functions/enqueue/fingerprint.sql
\ir functions/enqueue/check_new_jobs.sql
\ir functions/enqueue/read_awaited.sql
\ir functions/enqueue/find_uniques.sql
\ir functions/enqueue/known_jobs.sql
\ir functions/enqueue/insert_jobs.sql
\ir functions/enqueue/insert_jobs_in_time.sql
\ir functions/enqueue/read_new_job.sql
\ir functions/enqueue/read_new_jobs.sql
\ir functions/enqueue/enqueue_many.sql
\ir functions/enqueue/enqueue.sql

-- Claiming: FOR UPDATE SKIP LOCKED in index order inside a materialized CTE, then an UPDATE by ctid: joins of jobs to an
-- array flip to a sequential scan from a few hundred rows on.
-- What workers, producers and maintenance call plans without sequential scans: a session keeps the plans that it made when
-- a table was small, and would go through all of it for each job once it is large. Claims and maintenance plan without
-- bitmaps too: these read all that is pending, or due, before the first is taken, where an index gives them in order.
-- Plans are kept: one made for the values at hand looks cheaper, and to make it anew at each call took up to half of a
-- verb's time (heartbeat 0.42 to 0.24 ms, complete_many 0.46 to 0.34, maintain 1.2 to 0.7 with little to do).
\ir functions/claim/take_allowance.sql
\ir functions/claim/rate_tokens.sql
\ir functions/claim/spend_tokens.sql
\ir functions/claim/is_position.sql
\ir functions/claim/claim.sql

-- What a worker says of an attempt. Each locks the job and checks the fence first (JS404, JS410), then writes.
\ir functions/worker_verbs/end_attempt.sql
\ir functions/worker_verbs/complete.sql
\ir functions/worker_verbs/complete_many.sql
\ir functions/worker_verbs/fail.sql
\ir functions/worker_verbs/reject_result.sql
\ir functions/worker_verbs/release.sql
\ir functions/worker_verbs/heartbeat.sql
\ir functions/worker_verbs/report_progress.sql
\ir functions/worker_verbs/add_event.sql
\ir functions/worker_verbs/log.sql
\ir functions/worker_verbs/emit.sql

-- What operators and owners do to a job. Each locks the job first. JS404: no such job, or not one
-- that this database user may touch. JS409: not in this state.
\ir functions/steering/lock_job.sql
\ir functions/steering/cancel.sql
\ir functions/steering/cancel_held.sql
\ir functions/steering/await_again.sql
\ir functions/steering/restart_jobs.sql
\ir functions/steering/retry.sql
\ir functions/steering/run_now.sql
\ir functions/steering/reschedule.sql
\ir functions/steering/set_due.sql

-- Days of job_events: made 14 ahead and dropped by age. A plain CREATE ... PARTITION OF or DROP waits behind any reader,
-- and all writers behind it: so a partition is made apart and attached, and each step gives up after 100 ms, to be
-- tried again next time.
\ir functions/partitions/create_event_day.sql
\ir functions/partitions/drop_event_day.sql
\ir functions/partitions/prune_event_net.sql
\ir functions/partitions/set_event_retention.sql
\ir functions/partitions/keep_event_days.sql

-- Cancel, retry or delete of everything that matches a filter: noted in bulk_operations, worked off from the newest id
-- down by maintain(), in batches, by whichever instance comes next.
\ir functions/bulk/filter_values.sql
\ir functions/bulk/check_filter.sql
\ir functions/bulk/bulk_statuses.sql
\ir functions/bulk/matching_jobs.sql
\ir functions/bulk/start_bulk.sql
\ir functions/bulk/cancel_where.sql
\ir functions/bulk/retry_where.sql
\ir functions/bulk/delete_where.sql
\ir functions/bulk/lock_batch.sql
\ir functions/bulk/work_on_bulk.sql
\ir functions/bulk/retry_dlq.sql

-- The duties that keep jobs moving, in bounded batches. A batch that fails is tried again row by row, so one bad row
-- never blocks the rest. Rows that somebody has locked are left for the next time. Safe from anywhere, any number of
-- callers at once. READ COMMITTED.
\ir functions/maintain/rescue_jobs.sql
\ir functions/maintain/end_grace.sql
\ir functions/maintain/expire_jobs.sql
\ir functions/maintain/do_duty.sql
\ir functions/maintain/do_duty_safely.sql
\ir functions/maintain/lost_workers.sql

-- Leases under an old snapshot: what a busy system leaves behind cannot be cleared from jobs_leased, and each look at its
-- front would walk all of it, once a second. So a session remembers up to when all leases have been seen to (every later
-- lease ends later: a claim gives at least a second), for 10 s at most, in case a claim was committed long after it was
-- made. And where finding the next end of a lease took long, it answers a second from now for a while.
\ir functions/maintain/lease_floor.sql
\ir functions/maintain/raise_lease_floor.sql
\ir functions/maintain/next_lease.sql
\ir functions/maintain/is_overdue.sql
\ir functions/maintain/next_due.sql
\ir functions/maintain/prune_jobs.sql
\ir functions/maintain/keep_house.sql
\ir functions/maintain/maintain.sql

-- Settings of queues. A change of key_limit or a resume lets held jobs through at once.
\ir functions/queues/set_queue.sql
\ir functions/queues/pause_queue.sql
\ir functions/queues/resume_queue.sql

-- Pipelines: jobs that depend on each other, created in one call, layer by layer, so that each step's upstreams exist.
\ir functions/pipelines/flat_request.sql
\ir functions/pipelines/steps_fault.sql
\ir functions/pipelines/unknown_step.sql
\ir functions/pipelines/create_pipeline.sql
\ir functions/pipelines/pipeline_jobs.sql
\ir functions/pipelines/refresh_pipeline.sql
\ir functions/pipelines/keep_pipelines.sql
\ir functions/pipelines/lock_pipeline_jobs.sql
\ir functions/pipelines/cancel_pipeline.sql
\ir functions/pipelines/retry_pipeline.sql

-- Schedules. Reading cron expressions is the one thing that SQL leaves to Python: the maintainer computes due times and
-- calls fire_schedule, which makes each due time exactly one job, whoever calls and how often.
\ir functions/schedules/put_schedule.sql
\ir functions/schedules/declare_schedules.sql
\ir functions/schedules/delete_schedule.sql
\ir functions/schedules/enqueue_scheduled.sql
\ir functions/schedules/run_schedule.sql
\ir functions/schedules/fire_schedule.sql
\ir functions/schedules/defer_schedule.sql

-- The registry of workers. A worker with a session of its own holds the advisory lock (1785688947, number) there and says
-- so with attach_worker; when that lock has been gone for 3 s its jobs are rescued without waiting for their leases. A
-- worker that loses the session withdraws at once (detach_worker): then only leases count.
\ir functions/workers/register_worker.sql
\ir functions/workers/attach_worker.sql
\ir functions/workers/detach_worker.sql
\ir functions/workers/touch_worker.sql
\ir functions/workers/remove_worker.sql

-- Tokens: jst_<id>_<secret>; only SHA-256 of the whole is kept. The secret has 244 random bits, so no salt and no slow
-- hash is needed. Looking one up is a read by primary key; the comparison is of hashes.
\ir functions/tokens/create_token.sql
\ir functions/tokens/revoke_token.sql
\ir functions/tokens/authenticate.sql
\ir functions/tokens/secret_key.sql

-- What event streams stand on, besides job_events itself: see the proof in docs/adr.
\ir functions/streams/epoch_parts.sql
\ir functions/streams/stream_epoch.sql
\ir functions/streams/enter_epoch.sql
\ir functions/streams/rebase_events.sql
\ir functions/streams/keep_snapshots.sql
\ir functions/streams/flush_wal.sql

\ir triggers/release_followers/release_followers.sql
\ir triggers/release_followers/pass_left_keys.sql

\ir functions/explain_job/worker_fault.sql
\ir functions/explain_job/explain_job.sql

\ir views/queue_stats.sql

\ir views/job_views/running_jobs.sql
\ir views/job_views/stuck_jobs.sql
\ir views/job_views/dlq_jobs.sql
\ir views/job_views/job_timeline.sql

\ir views/health/live_workers.sql
\ir views/health/health.sql
\ir views/health/status.sql

\ir close.sql
\ir roles/roles.sql
\ir roles/grants.sql

\ir seed.sql
