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
