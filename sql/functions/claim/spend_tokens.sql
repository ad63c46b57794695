create function jobstream.spend_tokens(p_queue text, p_count bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    update jobstream.queues as q
    set rate_tokens = jobstream.rate_tokens(q, v_now) - p_count, rate_filled_at = v_now
    where q.name = p_queue and q.rate_count is not null;
end
$$;

comment on function jobstream.spend_tokens(text, bigint) is 'Takes tokens out of a queue''s bucket.';
