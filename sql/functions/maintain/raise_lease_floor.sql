create function jobstream.raise_lease_floor(p_now timestamptz, p_floor timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if exists (
        select from jobstream.jobs as j
        where j.status = 'running' and j.lease_until > p_floor and j.lease_until <= p_now
    ) then
        return;
    end if;
    perform set_config('jobstream.leases_seen', concat_ws(
        '|',
        case
            when p_floor = '-infinity' then extract(epoch from p_now)::pg_catalog.text
            else split_part(current_setting('jobstream.leases_seen'), '|', 1)
        end,
        extract(epoch from p_now)
    ), false);
end
$$;

comment on function jobstream.raise_lease_floor(timestamptz, timestamptz) is
'Remembers that all leases up to now have been seen to, if none is left.';
