-- No change waits for rows that it only touches on behalf of others (followers, the next of a key, a pipeline's row): what
-- it finds locked, and what is too much for it, is noted here in the same transaction, and looked at after its commit by
-- claim() or maintain().
-- Normally empty.
create table jobstream.leftovers (
    id bigint generated always as identity,
    job_id text collate "C",
    queue text collate "C",
    concurrency_key text collate "C",
    pipeline_id text collate "C",
    look_at timestamptz,
    constraint leftovers_pkey primary key (id)
);

comment on table jobstream.leftovers is
'What a change left because it was locked or too much: one of an upstream, a concurrency key, a pipeline.';
comment on column jobstream.leftovers.id is 'Order of arrival.';
comment on column jobstream.leftovers.job_id is 'A job that ended and still has followers.';
comment on column jobstream.leftovers.queue is 'With concurrency_key: a key that has room.';
comment on column jobstream.leftovers.concurrency_key is 'With queue: a key that has room.';
comment on column jobstream.leftovers.pipeline_id is 'A pipeline whose row is to be computed anew.';
comment on column jobstream.leftovers.look_at is 'Not before this time, because it was locked still; null: at once.';
