-- The planner settings keep the join of old and new rows a hash join whatever it guesses of their number: a cached plan
-- of a one-row statement would turn an UPDATE of 500,000 rows into a quadratic loop.
create function jobstream.record_updates()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
set enable_mergejoin = off
set enable_hashjoin = on
as $$
declare
    v_by pg_catalog.text := jobstream.actor();
begin
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
    )
    select
        n.id,
        case when n.status <> o.status then 'status' else 'progress' end,
        n.status,
        n.attempt,
        n.queue,
        n.kind,
        n.owner,
        n.pipeline_id,
        n.labels,
        v_by,
        case
            when n.status <> o.status
            then jobstream.status_data(
                jobstream.legal_from(n.id, o.status, n.status, o.attempt, n.attempt),
                n.status, n.reason, n.result, n.last_error
            )
            else n.progress
        end
    from new_rows as n
    inner join old_rows as o on n.id = o.id
    where n.status <> o.status
        or (n.progress is distinct from o.progress and n.progress is not null);

    -- The verbs of workers and of maintenance change none of these; args may be long and is not looked at for them.
    if jobstream.verb() not in ('work', 'maintain') then
        insert into jobstream.job_events (
            job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by, data
        )
        select
            n.id,
            'updated',
            n.status,
            n.attempt,
            n.queue,
            n.kind,
            n.owner,
            n.pipeline_id,
            n.labels,
            v_by,
            pg_catalog.jsonb_build_object('changed', changes.names)
        from new_rows as n
        inner join old_rows as o on n.id = o.id
        cross join lateral (
            select pg_catalog.array_remove(array[
                case when n.priority <> o.priority then 'priority' end,
                case
                    when n.status = o.status
                        and (n.scheduled_at, n.deadline) is distinct from (o.scheduled_at, o.deadline)
                    then 'schedule'
                end,
                case when n.queue <> o.queue then 'queue' end,
                case when n.labels <> o.labels then 'labels' end,
                case when n.args <> o.args then 'args' end,
                case
                    when n.status = o.status and n.cancel_requested and not o.cancel_requested
                    then 'cancel_requested'
                end
            ], null) as names
        ) as changes
        where pg_catalog.cardinality(changes.names) > 0;
    end if;
    return null;
end
$$;

comment on function jobstream.record_updates() is
'Trigger: status, progress and updated events; refuses illegal changes of status.';

create trigger record_updates
after update on jobstream.jobs
referencing old table as old_rows new table as new_rows
for each statement execute function jobstream.record_updates();
