-- What lists filter by, besides status, one narrow row each, written once at enqueue: an index on jobs would be paid
-- again at every change of status. Labels stand under their names; kind, queue and a named owner under :kind, :queue and
-- :owner, which no label can be called.
create table jobstream.job_labels (
    name text collate "C" not null,
    value text collate "C" not null,
    job_id text collate "C" not null,
    constraint job_labels_pkey primary key (name, value, job_id)
);

comment on table jobstream.job_labels is 'What lists of jobs filter by: labels, :kind, :queue, :owner.';
comment on column jobstream.job_labels.name is 'The label''s name, or :kind, :queue, :owner.';
comment on column jobstream.job_labels.value is 'Its value.';
comment on column jobstream.job_labels.job_id is 'The job that bears it.';
