-- A request in the form of HTTP, {spec, scheduling, retry}, as one in enqueue's names; any other stays as it is.
create function jobstream.flat_request(p_request jsonb)
returns jsonb
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_request) <> 'object' then p_request
        else f.flat - '{unique,delay_seconds}'::pg_catalog.text[]
            || case when f.flat ? 'unique' then pg_catalog.jsonb_build_object('unique_for', f.flat -> 'unique') else '{}' end
            || case when f.flat ? 'delay_seconds' then pg_catalog.jsonb_build_object('delay', f.flat -> 'delay_seconds') else '{}' end
    end
    from (
        select (p_request - '{spec,scheduling,retry}'::pg_catalog.text[])
            || case when pg_catalog.jsonb_typeof(p_request -> 'spec') = 'object' then p_request -> 'spec' else '{}' end
            || case when pg_catalog.jsonb_typeof(p_request -> 'scheduling') = 'object' then p_request -> 'scheduling' else '{}' end
            || case when pg_catalog.jsonb_typeof(p_request -> 'retry') = 'object' then p_request -> 'retry' else '{}' end as flat
    ) as f
$$;

comment on function jobstream.flat_request(jsonb) is
'A request in the form of HTTP in the names of enqueue''s parameters.';
