-- One row for each upstream that a waiting job still waits for. Rows go away as upstreams end, so the table stays small
-- and is empty where nobody awaits: then completion looks no further.
create table jobstream.job_awaits (
    job_id text collate "C" not null,
    upstream_id text collate "C" not null,
    constraint job_awaits_pkey primary key (job_id, upstream_id)
);

comment on table jobstream.job_awaits is 'Who waits for whom, as long as it waits.';
comment on column jobstream.job_awaits.job_id is 'The job that waits.';
comment on column jobstream.job_awaits.upstream_id is 'The job that has not ended yet.';

create index job_awaits_by_upstream on jobstream.job_awaits (upstream_id, job_id);
comment on index jobstream.job_awaits_by_upstream is 'Who waits for a job that has just ended.';

-- Where all who wait wait for one job, the planner would take every upstream for such a one, and go through all of the
-- table for each job that ends.
alter table jobstream.job_awaits alter column upstream_id set (n_distinct = -0.5);
