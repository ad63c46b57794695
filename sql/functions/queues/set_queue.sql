create function jobstream.set_queue(
    name text,
    paused boolean default null,
    max_running integer default null,
    key_limit integer default null,
    rate_count integer default null,
    rate_seconds integer default null,
    retention_days integer default null
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_fault pg_catalog.text := coalesce(
        'name ' || jobstream.name_fault(set_queue.name),
        case when set_queue.key_limit < 1 then 'key_limit must be at least 1' end,
        case when not set_queue.retention_days between 0 and 36500 then 'retention_days must be 0 to 36500' end,
        case when set_queue.rate_count = 0 or set_queue.rate_seconds < 1 then 'a rate must be at least 1' end,
        case
            when (set_queue.rate_count is null) <> (set_queue.rate_seconds is null)
                and coalesce(set_queue.rate_count, 0) >= 0
            then 'rate_count and rate_seconds go together'
        end
    );
begin
    perform jobstream.act_as('queue');
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault, jsonb_build_object('field', split_part(v_fault, ' ', 1)));
    end if;
    insert into jobstream.queues as q (name) values (set_queue.name) on conflict on constraint queues_pkey do nothing;
    update jobstream.queues as q
    set
        paused = coalesce(set_queue.paused, q.paused),
        paused_by = case
            when set_queue.paused and not q.paused then jobstream.actor()
            when set_queue.paused or (set_queue.paused is null and q.paused) then q.paused_by
        end,
        paused_at = case
            when set_queue.paused and not q.paused then jobstream.clock()
            when set_queue.paused or (set_queue.paused is null and q.paused) then q.paused_at
        end,
        max_running = case when set_queue.max_running < 0 then null else coalesce(set_queue.max_running, q.max_running) end,
        key_limit = coalesce(set_queue.key_limit, q.key_limit),
        rate_count = case when set_queue.rate_count < 0 then null else coalesce(set_queue.rate_count, q.rate_count) end,
        rate_seconds = case when set_queue.rate_count < 0 then null else coalesce(set_queue.rate_seconds, q.rate_seconds) end,
        rate_tokens = case when set_queue.rate_count is null then q.rate_tokens end,
        rate_filled_at = case when set_queue.rate_count is null then q.rate_filled_at end,
        retention_days = coalesce(set_queue.retention_days, q.retention_days)
    where q.name = set_queue.name;

    if set_queue.key_limit is not null then
        insert into jobstream.leftovers (queue, concurrency_key)
        select distinct j.queue, j.concurrency_key
        from jobstream.jobs as j
        where j.queue = set_queue.name and j.concurrency_key is not null and j.status in ('pending', 'running');
    end if;
    perform jobstream.ring('jobstream_ready', set_queue.name);
    perform jobstream.ring('jobstream_events', '');
end
$$;

comment on function jobstream.set_queue(text, boolean, integer, integer, integer, integer, integer) is
'Sets what is given and leaves the rest; a negative max_running or rate_count takes the limit away.';
