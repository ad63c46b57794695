-- Labels by name and value, written once at enqueue: a GIN index on jobs would be paid at every change of status.
create table jobstream.job_labels (
    name text collate "C" not null,
    value text collate "C" not null,
    job_id text collate "C" not null,
    constraint job_labels_pkey primary key (name, value, job_id)
);

comment on table jobstream.job_labels is 'jobs.labels, one row a label, for lists by label.';
comment on column jobstream.job_labels.name is 'The label''s name.';
comment on column jobstream.job_labels.value is 'The label''s value.';
comment on column jobstream.job_labels.job_id is 'The job that bears it.';

create index job_labels_by_job on jobstream.job_labels (job_id);
comment on index jobstream.job_labels_by_job is 'Removing a job''s labels with it.';
