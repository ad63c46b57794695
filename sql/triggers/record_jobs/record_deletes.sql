create function jobstream.record_deletes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_by pg_catalog.text;
begin
    -- A worker's verbs delete nothing: this is plain SQL in the transaction of one.
    if jobstream.verb() = 'work' then
        perform jobstream.act_as('');
    end if;
    v_by := jobstream.actor();
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by
    )
    select o.id, 'deleted', o.status, o.attempt, o.queue, o.kind, o.owner, o.pipeline_id, o.labels, v_by
    from old_rows as o;

    delete from jobstream.job_labels as l
    using old_rows as o
    cross join lateral jobstream.labels_of(o.labels, o.kind, o.queue, o.owner) as f
    where l.name = f.name and l.value = f.value and l.job_id = o.id;
    return null;
end
$$;

comment on function jobstream.record_deletes() is 'Trigger: deleted events; labels go with their job.';

create trigger record_deletes
after delete on jobstream.jobs
referencing old table as old_rows
for each statement execute function jobstream.record_deletes();
