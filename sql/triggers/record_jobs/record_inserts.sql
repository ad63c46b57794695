create function jobstream.record_inserts()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_by pg_catalog.text := jobstream.actor();
begin
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
    )
    select
        n.id,
        'status',
        n.status,
        n.attempt,
        n.queue,
        n.kind,
        n.owner,
        n.pipeline_id,
        n.labels,
        v_by,
        jobstream.status_data(null, n.status, n.reason, n.result, n.last_error)
    from new_rows as n;

    insert into jobstream.job_labels (name, value, job_id)
    select f.name, f.value, n.id
    from new_rows as n
    cross join lateral jobstream.labels_of(n.labels, n.kind, n.queue, n.owner) as f;
    return null;
end
$$;

comment on function jobstream.record_inserts() is 'Trigger: the first status event of new jobs, and their labels.';

create trigger record_inserts
after insert on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.record_inserts();
