create function jobstream.lease_floor(p_now timestamptz)
returns timestamptz
language sql
stable
as $$
    select case
        when pg_catalog.to_timestamp(f.seen[1]) between p_now - interval '10 s' and p_now
        then pg_catalog.to_timestamp(f.seen[2])
        else '-infinity'
    end
    from (
        select pg_catalog.string_to_array(pg_catalog.current_setting('jobstream.leases_seen', true), '|')::pg_catalog.float8[]
    ) as f (seen)
$$;

comment on function jobstream.lease_floor(timestamptz) is
'Up to when this session knows that all leases have been seen to.';
