-- One error as it is kept: {attempt, at, worker, type, message, traceback}, bounded.
create function jobstream.error_entry(p_job jobstream.jobs, p_error jsonb)
returns jsonb
language sql
volatile
as $$
    select pg_catalog.jsonb_build_object(
        'attempt', p_job.attempt,
        'at', jobstream.clock(),
        'started_at', p_job.started_at,
        'worker', p_job.worker,
        'type', pg_catalog.left(p_error ->> 'type', 256),
        'message', pg_catalog.left(
            case pg_catalog.jsonb_typeof(p_error)
                when 'object' then coalesce(p_error ->> 'message', p_error ->> 'type', 'error')
                when 'string' then p_error #>> '{}'
                else coalesce(p_error::pg_catalog.text, 'error')
            end, 4000
        ),
        'traceback', pg_catalog.right(p_error ->> 'traceback', 16000)
    )
$$;

comment on function jobstream.error_entry(jobstream.jobs, jsonb) is 'One entry of jobs.errors.';
