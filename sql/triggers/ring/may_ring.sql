create function jobstream.may_ring(p_lock_class integer, p_lock integer)
returns boolean
language sql
volatile
as $$
    select case coalesce(nullif(pg_catalog.current_setting('jobstream.bell', true), ''), 'doorbell')
        when 'doorbell' then pg_catalog.pg_try_advisory_xact_lock(p_lock_class, p_lock)
        when 'notify' then true
        else false
    end
$$;

comment on function jobstream.may_ring(integer, integer) is
'Whether this transaction rings: the setting jobstream.bell and the bell''s lock decide.';
