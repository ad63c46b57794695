-- The bell. NOTIFY makes commits queue up one by one, so it is rung only when it must: at commit (deferred), once a
-- transaction, and only by who gets the bell's lock; who does not skips, because the winner's ring already set the
-- listeners reading, and they go on polling while events flow.
-- Modes, by the setting jobstream.bell: doorbell (default), notify (every transaction), off.

-- True for the first of a transaction's rows that asks: the later ones of the same transaction need no bell.
create function jobstream.first_ring(p_setting text, p_ring text)
returns boolean
language sql
volatile
as $$
    select case
        when pg_catalog.current_setting(p_setting, true) is distinct from p_ring
        then pg_catalog.set_config(p_setting, p_ring, true) is not null
        else false
    end
$$;

comment on function jobstream.first_ring(text, text) is
'Whether this transaction asks for that ring for the first time.';

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

-- For what is rare: rings in any mode but off.
create function jobstream.ring(p_channel text, p_payload text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if current_setting('jobstream.bell', true) is distinct from 'off' then
        perform pg_notify(p_channel, p_payload);
    end if;
end
$$;

comment on function jobstream.ring(text, text) is 'Notifies, unless the bell is off.';

create function jobstream.ring_events()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if jobstream.may_ring(1785688947, 1) then
        perform pg_catalog.pg_notify('jobstream_events', '');
    end if;
    return null;
end
$$;

comment on function jobstream.ring_events() is 'Trigger at commit: there are events.';

create function jobstream.ring_ready()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if jobstream.may_ring(1785688948, pg_catalog.hashtext(new.queue)) then
        perform pg_catalog.pg_notify('jobstream_ready', new.queue);
    end if;
    return null;
end
$$;

comment on function jobstream.ring_ready() is 'Trigger at commit: a queue has a job to claim.';

create constraint trigger ring_events
after insert on jobstream.job_events
deferrable initially deferred
for each row
when (jobstream.first_ring('jobstream.rung_events', new.xid::text))
execute function jobstream.ring_events();

create constraint trigger ring_ready
after insert on jobstream.job_events
deferrable initially deferred
for each row
when (
    new.status = 'pending' and new.type in ('status', 'updated')
    and jobstream.first_ring('jobstream.rung_ready', new.xid::text || new.queue)
)
execute function jobstream.ring_ready();
