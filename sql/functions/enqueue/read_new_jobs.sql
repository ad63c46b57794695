-- p_own: what the schema's own callers may say besides; who enqueues cannot put a job into somebody's pipeline.
create function jobstream.read_new_jobs(p_jobs jsonb, p_own text[] default '{}')
returns jobstream.new_job[]
language plpgsql
set search_path = ''
as $$
declare
    v_fields constant pg_catalog.text[] := array[
        'kind', 'args', 'queue', 'priority', 'scheduled_at', 'delay', 'deadline', 'idempotency_key', 'max_attempts',
        'backoff', 'timeout_seconds', 'labels', 'concurrency_key', 'await_jobs', 'await_for', 'unique_for',
        'unique_key', 'owner', 'triggered_by', 'parent_job', 'class', 'mode', 'scope', 'traceparent'
    ] || p_own;
    v_bad pg_catalog.record;
    v_time pg_catalog.text := jobstream.id_time(jobstream.clock());
    v_ordinal integer := 0;
    v_message pg_catalog.text;
begin
    if jsonb_typeof(p_jobs) is distinct from 'array' then
        perform jobstream.refuse('JS400', 'jobs must be an array of objects');
    end if;
    for v_bad in
        select
            e.ordinal,
            case
                when jsonb_typeof(e.job) = 'object'
                then (select min(k) from jsonb_object_keys(e.job) as k where k <> all (v_fields))
            end as field,
            jsonb_typeof(e.job) <> 'object' as is_no_object
        from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
        where jsonb_typeof(e.job) <> 'object' or e.job - v_fields <> '{}'
        limit 1
    loop
        perform jobstream.refuse(
            'JS400',
            case when v_bad.is_no_object then 'each job must be an object' else 'unknown field ' || v_bad.field end,
            jsonb_strip_nulls(jsonb_build_object('ordinal', v_bad.ordinal, 'field', v_bad.field))
        );
    end loop;

    begin
        return array(
            select jobstream.read_new_job(e.job, e.ordinal::integer, v_time || jobstream.id_tail())
            from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
            order by e.ordinal
        );
    exception
        when data_exception then
            null;
    end;
    for v_bad in
        select e.job, e.ordinal from jsonb_array_elements(p_jobs) with ordinality as e (job, ordinal)
    loop
        v_ordinal := v_bad.ordinal;
        perform jobstream.read_new_job(v_bad.job, v_ordinal, '');
    end loop;
    return null;
exception
    when data_exception then
        get stacked diagnostics v_message = message_text;
        perform jobstream.refuse('JS400', v_message, jsonb_build_object('ordinal', v_ordinal));
end
$$;

comment on function jobstream.read_new_jobs(jsonb, text[]) is
'Requests from a JSON array of objects with the names of enqueue''s parameters.';
