create function jobstream.run_schedule(name text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_schedule jobstream.schedules;
begin
    perform jobstream.act_as('schedule');
    select s.* into v_schedule from jobstream.schedules as s where s.name = run_schedule.name;
    if not found then
        perform jobstream.refuse('JS404', 'no such schedule: ' || coalesce(run_schedule.name, 'null'));
    end if;
    return jobstream.enqueue_scheduled(v_schedule);
end
$$;

comment on function jobstream.run_schedule(text) is
'Enqueues a schedule''s job now, beside its due times; answers the job''s id. JS404.';
