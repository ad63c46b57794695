create function jobstream.unknown_step(p_steps jsonb)
returns text
language sql
immutable
as $$
    select pg_catalog.min(coalesce(a.key, 'null'))
    from pg_catalog.jsonb_array_elements(p_steps) as s (step)
    cross join lateral pg_catalog.jsonb_array_elements_text(
        coalesce(nullif(s.step -> 'after', 'null'), '[]')
    ) as a (key)
    where not exists (
        select from pg_catalog.jsonb_array_elements(p_steps) as t (step) where t.step ->> 'key' = a.key
    )
$$;

comment on function jobstream.unknown_step(jsonb) is 'A key in after that no step bears; null: none.';
