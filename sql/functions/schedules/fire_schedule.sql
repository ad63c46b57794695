-- One due time of a schedule: makes its job unless that was done, and notes the next due time.
create function jobstream.fire_schedule(name text, due_at timestamptz, next_at timestamptz)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_schedule jobstream.schedules;
    v_job pg_catalog.text;
begin
    perform jobstream.act_as('maintain');
    select s.* into v_schedule from jobstream.schedules as s where s.name = fire_schedule.name for update;
    if not found or v_schedule.paused then
        return null;
    end if;
    insert into jobstream.schedule_runs as r (schedule, due_at, job_id)
    values (fire_schedule.name, fire_schedule.due_at, '')
    on conflict on constraint schedule_runs_pkey do nothing;
    if found then
        v_job := jobstream.enqueue_scheduled(v_schedule);
        update jobstream.schedule_runs as r
        set job_id = v_job
        where r.schedule = fire_schedule.name and r.due_at = fire_schedule.due_at;
    end if;
    update jobstream.schedules as s
    set
        next_at = fire_schedule.next_at,
        last_at = case when v_job is null then s.last_at else fire_schedule.due_at end,
        last_job = coalesce(v_job, s.last_job),
        last_error = case when v_job is null then s.last_error end
    where s.name = fire_schedule.name;
    return v_job;
end
$$;

comment on function jobstream.fire_schedule(text, timestamptz, timestamptz) is
'Makes the one job of a due time (null: it was made before, or the schedule is paused) and notes the next.';
