-- Tokens in a queue's bucket at a time: it starts full and fills at rate_count / rate_seconds a second.
create function jobstream.rate_tokens(p_queue jobstream.queues, p_now timestamptz)
returns double precision
language sql
immutable
as $$
    select least(
        p_queue.rate_count::double precision,
        coalesce(p_queue.rate_tokens, p_queue.rate_count)
        + greatest(extract(epoch from p_now - coalesce(p_queue.rate_filled_at, p_now)), 0)
        * p_queue.rate_count / p_queue.rate_seconds
    )
$$;

comment on function jobstream.rate_tokens(jobstream.queues, timestamptz) is
'Tokens in a queue''s bucket at that time.';
