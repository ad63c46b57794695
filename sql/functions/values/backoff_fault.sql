create function jobstream.backoff_fault(p_backoff jsonb)
returns text
language sql
immutable
as $$
    select case
        when p_backoff is null then null
        when pg_catalog.jsonb_typeof(p_backoff) <> 'object' then 'must be an object'
        when exists (
            select from pg_catalog.jsonb_each(p_backoff) as b
            where case
                when b.key = 'type' then b.value not in ('"exponential"', '"linear"', '"fixed"')
                when b.key not in ('base', 'max', 'jitter') then true
                when pg_catalog.jsonb_typeof(b.value) <> 'number' then true
                when b.key = 'jitter' then not (b.value #>> '{}')::numeric between 0 and 1
                else not (b.value #>> '{}')::numeric between 0 and 31536000
            end
        )
        then 'takes type (exponential, linear, fixed), base and max (seconds, at most a year), jitter (0 to 1)'
    end
$$;

comment on function jobstream.backoff_fault(jsonb) is 'What is wrong with a backoff; null: nothing.';
