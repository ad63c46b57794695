-- A backoff with its defaults filled in.
create function jobstream.whole_backoff(p_backoff jsonb)
returns jsonb
language sql
immutable
as $$
    select '{"type": "exponential", "base": 5, "max": 120, "jitter": 0.1}'::pg_catalog.jsonb || coalesce(p_backoff, '{}')
$$;

comment on function jobstream.whole_backoff(jsonb) is 'A backoff with its defaults filled in.';
