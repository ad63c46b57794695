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
