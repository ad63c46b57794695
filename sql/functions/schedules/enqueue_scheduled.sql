-- Enqueues a schedule's job, now.
create function jobstream.enqueue_scheduled(p_schedule jobstream.schedules)
returns text
language sql
volatile
set search_path = ''
as $$
    select i.id
    from jobstream.insert_jobs(jobstream.read_new_jobs(jsonb_build_array(
        p_schedule.spec || jsonb_build_object(
            'owner', p_schedule.owner, 'trigger', 'schedule', 'triggered_by', p_schedule.name,
            'cron_expr', p_schedule.cron
        )
    ), array['trigger', 'cron_expr'])) as i
$$;

comment on function jobstream.enqueue_scheduled(jobstream.schedules) is 'Enqueues a schedule''s job; answers its id.';
