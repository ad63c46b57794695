-- How many days events are kept, for every process on this database. JS400 outside of 1 to 3650. Writes: settings.
create function jobstream.set_event_retention(days integer)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if days is null or days not between 1 and 3650 then
        perform jobstream.refuse('JS400', 'days must be 1 to 3650', jsonb_build_object('field', 'days'));
    end if;
    update jobstream.settings as s
    set value = days::pg_catalog.text
    where s.name = 'event_retention_days' and s.value <> days::pg_catalog.text;
end
$$;

comment on function jobstream.set_event_retention(integer) is
'How many days events are kept, and streams can be resumed: 1 to 3650.';
