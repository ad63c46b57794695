-- The whole schema, in order: psql -f sql/install.sql, or jobstream migrate.
-- This list is the table of contents.
\ir schema.sql
\ir tables/schema_version.sql
\ir functions/clock.sql
\ir functions/new_id.sql
\ir functions/errors.sql

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

\ir functions/states.sql
\ir functions/actor.sql
\ir functions/values.sql
\ir functions/job_labels.sql
\ir triggers/record_jobs.sql
\ir triggers/check_jobs.sql
\ir triggers/ring.sql

\ir functions/attempts.sql
\ir functions/holds.sql
\ir functions/enqueue.sql
\ir functions/claim.sql
\ir functions/worker_verbs.sql
\ir functions/steering.sql
\ir functions/partitions.sql
\ir functions/bulk.sql
\ir functions/maintain.sql
\ir functions/queues.sql
\ir functions/pipelines.sql
\ir functions/schedules.sql
\ir functions/workers.sql
\ir functions/tokens.sql
\ir functions/streams.sql
\ir triggers/release_followers.sql
\ir functions/explain_job.sql

\ir views/queue_stats.sql
\ir views/job_views.sql
\ir views/health.sql

\ir close.sql
\ir roles/roles.sql
\ir roles/grants.sql

\ir seed.sql
