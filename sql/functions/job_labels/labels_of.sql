-- The rows of job_labels for one job.
create function jobstream.labels_of(p_labels jsonb, p_kind text, p_queue text, p_owner text)
returns table (name text, value text)
language sql
immutable
as $$
    select l.name, l.value
    from (values (':kind', p_kind), (':queue', p_queue), (':owner', p_owner)) as l (name, value)
    where l.value <> ''
    union all
    select e.key, e.value
    from pg_catalog.jsonb_each_text(case when p_labels <> '{}' then p_labels end) as e
$$;

comment on function jobstream.labels_of(jsonb, text, text, text) is 'The rows of job_labels for one job.';
