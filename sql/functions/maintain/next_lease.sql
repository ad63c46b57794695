create function jobstream.next_lease(p_now timestamptz)
returns timestamptz
language plpgsql
set search_path = ''
as $$
declare
    v_begin pg_catalog.timestamptz := clock_timestamp();
    v_next pg_catalog.timestamptz;
begin
    if to_timestamp(nullif(current_setting('jobstream.leases_slow_until', true), '')::pg_catalog.float8) > v_begin then
        return (
            select p_now + interval '1 s'
            from (
                select from jobstream.jobs as j where j.status = 'running' order by j.lease_until desc limit 1
            ) as running
        );
    end if;
    select j.lease_until
    into v_next
    from jobstream.jobs as j
    where j.status = 'running' and j.lease_until > p_now
    order by j.lease_until
    limit 1;
    if clock_timestamp() - v_begin > interval '20 ms' then
        perform set_config(
            'jobstream.leases_slow_until', extract(epoch from v_begin + interval '30 s')::pg_catalog.text, false
        );
    end if;
    return v_next;
end
$$;

comment on function jobstream.next_lease(timestamptz) is
'When the next lease ends; at busy times under an old snapshot a second from now.';
