-- Seconds until the attempt after this failure: min(max, base * 2^(failures - 1)) and its kin, give or take the jitter.
create function jobstream.backoff_delay(p_backoff jsonb, p_failures integer)
returns interval
language sql
volatile
as $$
    select pg_catalog.make_interval(secs => (
        least(
            b.longest,
            case b.type
                when 'fixed' then b.base
                when 'linear' then b.base * p_failures
                else b.base * pg_catalog.power(2::double precision, least(p_failures - 1, 60))
            end
        ) * (1 + b.jitter * (2 * pg_catalog.random() - 1))
    ))
    from (
        select
            w.whole ->> 'type' as type,
            (w.whole ->> 'base')::double precision as base,
            (w.whole ->> 'max')::double precision as longest,
            (w.whole ->> 'jitter')::double precision as jitter
        from (select jobstream.whole_backoff(p_backoff) as whole) as w
    ) as b
$$;

comment on function jobstream.backoff_delay(jsonb, integer) is
'How long to wait after that many failures.';
