create function jobstream.enqueue(
    kind text,
    args jsonb default '{}',
    queue text default 'default',
    priority integer default 0,
    scheduled_at timestamptz default null,
    delay interval default null,
    deadline timestamptz default null,
    idempotency_key text default null,
    max_attempts integer default 3,
    backoff jsonb default null,
    timeout_seconds integer default null,
    labels jsonb default null,
    concurrency_key text default null,
    await_jobs text[] default null,
    await_for text default null,
    unique_for text default null,
    unique_key text default null,
    owner text default '',
    triggered_by text default null,
    parent_job text default null,
    class text default null,
    mode text default null,
    scope text default null
)
returns table (id text, status text, idempotent boolean)
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_jobs jobstream.new_job[] := array[row(
        jobstream.new_id(), 1, enqueue.kind, coalesce(enqueue.args, '{}'), coalesce(enqueue.queue, 'default'),
        coalesce(enqueue.priority, 0), enqueue.scheduled_at, enqueue.delay, enqueue.deadline,
        enqueue.idempotency_key, coalesce(enqueue.max_attempts, 3), nullif(enqueue.backoff, 'null'),
        enqueue.timeout_seconds, coalesce(nullif(enqueue.labels, 'null'), '{}'), enqueue.concurrency_key,
        enqueue.await_jobs, coalesce(enqueue.await_for, 'done'), enqueue.unique_for, enqueue.unique_key,
        coalesce(enqueue.owner, ''), enqueue.triggered_by, enqueue.parent_job, enqueue.class, enqueue.mode,
        enqueue.scope, 'demand', null, null, null, null
    )::jobstream.new_job];
begin
    perform jobstream.act_as('enqueue');
    if enqueue.idempotency_key is not null or enqueue.unique_key is not null then
        return query select i.id, i.status, i.idempotent from jobstream.insert_jobs_in_time(v_jobs) as i;
    else
        return query select i.id, i.status, i.idempotent from jobstream.insert_jobs(v_jobs) as i;
    end if;
end
$$;

comment on function jobstream.enqueue(
    text, jsonb, text, integer, timestamptz, interval, timestamptz, text, integer, jsonb, integer, jsonb, text,
    text[], text, text, text, text, text, text, text, text, text
) is 'Enqueues one job. select * from jobstream.enqueue(''thumbnail'', ''{"path": "a.png"}'', queue => ''images'');';
