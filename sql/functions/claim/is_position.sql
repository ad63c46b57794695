-- Whether a JSON value is an object of positions: {"<queue>": [priority, "id"]}.
create function jobstream.is_position(p_after jsonb)
returns boolean
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_after) <> 'object' then false
        else not exists (
            select from pg_catalog.jsonb_each(p_after) as p
            where pg_catalog.jsonb_typeof(p.value) <> 'array'
                or pg_catalog.jsonb_typeof(p.value -> 0) is distinct from 'number'
                or p.value ->> 0 !~ '^-?[0-9]{1,10}$'
                or not (p.value ->> 0)::bigint between -2147483648 and 2147483647
                or pg_catalog.jsonb_typeof(p.value -> 1) is distinct from 'string'
        )
    end
$$;

comment on function jobstream.is_position(jsonb) is 'Whether it can be the parameter after of claim().';
