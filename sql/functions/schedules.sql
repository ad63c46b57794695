-- Schedules. Reading cron expressions is the one thing that SQL leaves to Python: the maintainer computes due times and
-- calls fire_schedule, which makes each due time exactly one job, whoever calls and how often.

create function jobstream.put_schedule(
    name text,
    cron text,
    timezone text default 'UTC',
    spec jsonb default null,
    catch_up text default 'last',
    paused boolean default false,
    owner text default ''
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_spec pg_catalog.jsonb := coalesce(jobstream.flat_request(put_schedule.spec), '{}');
    v_fault pg_catalog.text := coalesce(
        'name ' || jobstream.name_fault(put_schedule.name),
        case
            when put_schedule.cron is null or put_schedule.cron !~ '^\s*\S+(\s+\S+){4,5}\s*$'
            then 'cron must have five fields'
        end,
        case
            when not exists (select from pg_catalog.pg_timezone_names as z where z.name = put_schedule.timezone)
            then 'timezone must be the IANA name of a time zone'
        end,
        case when jsonb_typeof(put_schedule.spec) <> 'object' then 'spec must be an object' end,
        case
            when put_schedule.catch_up is null or put_schedule.catch_up not in ('skip', 'last', 'all')
            then 'catch_up must be skip, last or all'
        end
    );
begin
    perform jobstream.act_as('schedule');
    if v_fault is not null then
        perform jobstream.refuse('JS400', v_fault, jsonb_build_object('field', split_part(v_fault, ' ', 1)));
    end if;
    if v_spec ? 'idempotency_key' or v_spec ? 'await_jobs' then
        perform jobstream.refuse('JS400', 'a schedule''s jobs bear no key and await no jobs', '{"field": "spec"}');
    end if;
    perform jobstream.check_new_jobs(jobstream.read_new_jobs(jsonb_build_array(
        v_spec || jsonb_build_object('owner', coalesce(put_schedule.owner, ''))
    )));
    insert into jobstream.schedules as s (name, cron, timezone, spec, catch_up, paused, owner)
    values (
        put_schedule.name, put_schedule.cron, put_schedule.timezone, v_spec, put_schedule.catch_up,
        coalesce(put_schedule.paused, false), coalesce(put_schedule.owner, '')
    )
    on conflict on constraint schedules_pkey do update
    set
        cron = excluded.cron,
        timezone = excluded.timezone,
        spec = excluded.spec,
        catch_up = excluded.catch_up,
        paused = excluded.paused,
        owner = excluded.owner,
        next_at = case
            when s.cron = excluded.cron and s.timezone = excluded.timezone then s.next_at
        end,
        last_error = null,
        updated_at = jobstream.clock(),
        declared_at = null;
    perform jobstream.ring('jobstream_events', '');
end
$$;

comment on function jobstream.put_schedule(text, text, text, jsonb, text, boolean, text) is
'Makes or replaces a schedule; spec is an object as for enqueue_many.';

-- A worker has these in its code, and is told which ones no worker had for so long: they go on making jobs, since old and
-- new code run side by side during a deploy and only people know which of the two is right.
create function jobstream.declare_schedules(names text[], stale interval)
returns setof text
language sql
security definer
set search_path = ''
as $$
    -- Not more often than needed, however many workers say so; a row that is locked is being written by another of them.
    with mine as materialized (
        select s.name
        from jobstream.schedules as s
        where s.name = any (declare_schedules.names)
            and (s.declared_at is null or s.declared_at < jobstream.clock() - declare_schedules.stale / 6)
        for update skip locked
    )

    update jobstream.schedules as s
    set declared_at = jobstream.clock()
    from mine as m
    where m.name = s.name;

    select s.name
    from jobstream.schedules as s
    where s.name <> all (declare_schedules.names)
        and s.declared_at < jobstream.clock() - declare_schedules.stale
    order by s.name;
$$;

comment on function jobstream.declare_schedules(text[], interval) is
'A worker has these in its code; answers those that no worker had for so long.';

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

create function jobstream.defer_schedule(name text, next_at timestamptz, error text default null)
returns void
language sql
security definer
set search_path = ''
as $$
    update jobstream.schedules as s
    set next_at = defer_schedule.next_at, last_error = coalesce(defer_schedule.error, s.last_error)
    where s.name = defer_schedule.name
$$;

comment on function jobstream.defer_schedule(text, timestamptz, text) is
'Notes a schedule''s next due time without making a job; error says why it made none.';
