create function jobstream.delete_schedule(name text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    delete from jobstream.schedules as s where s.name = delete_schedule.name;
    if not found then
        perform jobstream.refuse('JS404', 'no such schedule: ' || coalesce(delete_schedule.name, 'null'));
    end if;
end
$$;

comment on function jobstream.delete_schedule(text) is 'Removes a schedule; its jobs stay. JS404.';
