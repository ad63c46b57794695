-- Follows plain UPDATEs of labels, kind and queue.
create function jobstream.relabel_job(p_old jobstream.jobs, p_new jobstream.jobs)
returns void
language sql
volatile
set search_path = ''
as $$
    delete from jobstream.job_labels as l
    using jobstream.labels_of(p_old.labels, p_old.kind, p_old.queue, p_old.owner) as o
    where l.name = o.name and l.value = o.value and l.job_id = p_old.id;

    insert into jobstream.job_labels (name, value, job_id)
    select n.name, n.value, p_new.id
    from jobstream.labels_of(p_new.labels, p_new.kind, p_new.queue, p_new.owner) as n
    on conflict do nothing;
$$;

comment on function jobstream.relabel_job(jobstream.jobs, jobstream.jobs) is
'Writes a job''s rows of job_labels anew.';
