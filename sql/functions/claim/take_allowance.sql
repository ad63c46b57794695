-- How many jobs a queue may hand out now, at most p_limit: pause, max_running and rate. Where max_running or a rate is
-- set the queue's row stays locked until the transaction ends, and counting is a statement of its own after the lock:
-- in one statement max_running = 1 ran two.
create function jobstream.take_allowance(p_queue text, p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_queue jobstream.queues;
    v_now pg_catalog.timestamptz;
    v_running bigint;
begin
    select q.* into v_queue from jobstream.queues as q where q.name = p_queue;
    if not found or (not v_queue.paused and v_queue.max_running is null and v_queue.rate_count is null) then
        return p_limit;
    elsif v_queue.paused then
        return 0;
    elsif current_setting('transaction_isolation') <> 'read committed' then
        perform jobstream.refuse('JS400', 'claiming from a queue with limits wants READ COMMITTED');
    end if;

    select q.* into v_queue from jobstream.queues as q where q.name = p_queue for update;
    if v_queue.max_running is not null then
        select count(*)
        into v_running
        from jobstream.jobs as j
        where j.status = 'running' and j.queue = p_queue;
        p_limit := least(p_limit, v_queue.max_running - v_running);
    end if;
    if v_queue.rate_count is not null then
        v_now := jobstream.clock();
        if v_queue.rate_filled_at > v_now then -- the clock was set back: an empty bucket would stay so until it catches up
            update jobstream.queues as q set rate_filled_at = v_now where q.name = p_queue;
            v_queue.rate_filled_at := v_now;
        end if;
        p_limit := least(p_limit, floor(jobstream.rate_tokens(v_queue, v_now) + 1e-9));
    end if;
    return greatest(p_limit, 0);
end
$$;

comment on function jobstream.take_allowance(text, integer) is
'How many jobs a queue may hand out now; locks the queue''s row where it has limits.';
