create function jobstream.retry_dlq(queue text default null, kind text default null, max integer default null)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[];
begin
    perform jobstream.act_as('retry');
    if retry_dlq.max < 0 then
        perform jobstream.refuse('JS400', 'max must not be negative', '{"field": "max"}');
    end if;
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        where j.status = 'dlq'
            and (retry_dlq.queue is null or j.queue = retry_dlq.queue)
            and (retry_dlq.kind is null or j.kind = retry_dlq.kind)
        order by j.id
        limit retry_dlq.max
        for update skip locked
    );
    perform jobstream.restart_jobs(v_ids);
    return cardinality(v_ids);
end
$$;

comment on function jobstream.retry_dlq(text, text, integer) is
'Retries the oldest dead letters, at most max, of a queue and a kind (null: any); answers how many.';
