-- Everything that happens to jobs becomes an event here, one INSERT for a whole statement: a claim of 100 jobs costs one
-- statement of 100 events. The job's row lock is held, so for one job the order of ids is the order of commits.

-- A stream may deliver what a commit with synchronous_commit = off could still take back in a crash, and then hand its
-- xid out again: such transactions are raised to local.
create function jobstream.keep_events_durable()
returns void
language plpgsql
volatile
as $$
begin
    if pg_catalog.current_setting('synchronous_commit') = 'off' then
        perform pg_catalog.set_config('synchronous_commit', 'local', true);
    end if;
end
$$;

comment on function jobstream.keep_events_durable() is
'Raises synchronous_commit from off to local for this transaction.';

-- What a status event says beside the status. A result over 8 KiB gives way to a mark.
create function jobstream.status_data(p_from text, p_status text, p_reason text, p_result jsonb, p_error text)
returns jsonb
language sql
immutable
as $$
    select case
        when p_status = 'done' and pg_catalog.pg_column_size(p_result) > 1300
            and pg_catalog.octet_length(p_result::pg_catalog.text) > 8192
        then pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason, 'result_omitted', true)
        when p_status = 'done'
        then pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason, 'result', p_result)
        when p_error is not null and p_status in ('failed', 'dlq', 'cancelled')
        then pg_catalog.jsonb_build_object(
            'from', p_from, 'reason', p_reason, 'error', pg_catalog.left(p_error, 2000)
        )
        else pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason)
    end
$$;

comment on function jobstream.status_data(text, text, text, jsonb, text) is
'The data of a status event: {from, reason, result | result_omitted | error}.';

-- The status before, if the change is legal; an error otherwise.
create function jobstream.legal_from(
    p_id text, p_from text, p_to text, p_from_attempt integer, p_to_attempt integer
)
returns text
language sql
volatile
as $$
    select case
        when not jobstream.may_become(p_from, p_to)
        then jobstream.refuse('JS409', 'a job cannot go from ' || p_from || ' to ' || p_to || ': ' || p_id)
        when p_to_attempt <> p_from_attempt + case when p_to = 'running' then 1 else 0 end
        then jobstream.refuse('JS409', 'attempt counts claims and nothing else: ' || p_id)
        else p_from
    end
$$;

comment on function jobstream.legal_from(text, text, text, integer, integer) is
'The status before a change, after checking the change.';

create function jobstream.record_inserts()
returns trigger
language plpgsql
security definer
set search_path = ''
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
        'status',
        n.status,
        n.attempt,
        n.queue,
        n.kind,
        n.owner,
        n.pipeline_id,
        n.labels,
        v_by,
        jobstream.status_data(null, n.status, n.reason, n.result, n.last_error)
    from new_rows as n;

    insert into jobstream.job_labels (name, value, job_id)
    select f.name, f.value, n.id
    from new_rows as n
    cross join lateral jobstream.labels_of(n.labels, n.kind, n.queue, n.owner) as f;
    return null;
end
$$;

comment on function jobstream.record_inserts() is 'Trigger: the first status event of new jobs, and their labels.';

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

create function jobstream.record_deletes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_by pg_catalog.text;
begin
    -- A worker's verbs delete nothing: this is plain SQL in the transaction of one.
    if jobstream.verb() = 'work' then
        perform jobstream.act_as('');
    end if;
    v_by := jobstream.actor();
    perform jobstream.keep_events_durable();
    insert into jobstream.job_events (
        job_id, type, status, attempt, queue, kind, owner, pipeline_id, labels, by
    )
    select o.id, 'deleted', o.status, o.attempt, o.queue, o.kind, o.owner, o.pipeline_id, o.labels, v_by
    from old_rows as o;

    delete from jobstream.job_labels as l
    using old_rows as o
    cross join lateral jobstream.labels_of(o.labels, o.kind, o.queue, o.owner) as f
    where l.name = f.name and l.value = f.value and l.job_id = o.id;
    return null;
end
$$;

comment on function jobstream.record_deletes() is 'Trigger: deleted events; labels go with their job.';

create trigger record_inserts
after insert on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.record_inserts();

create trigger record_updates
after update on jobstream.jobs
referencing old table as old_rows new table as new_rows
for each statement execute function jobstream.record_updates();

-- What a session says of itself is not believed in a DELETE of its own: those who are subject to row security are not
-- the functions of this schema.
create function jobstream.forget_verb()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform set_config('jobstream.verb', '', true);
    return null;
end
$$;

comment on function jobstream.forget_verb() is 'Trigger: a plain DELETE is nobody''s verb.';

create trigger forget_verb
before delete on jobstream.jobs
for each statement
when (pg_catalog.row_security_active('jobstream.jobs'::regclass))
execute function jobstream.forget_verb();

create trigger record_deletes
after delete on jobstream.jobs
referencing old table as old_rows
for each statement execute function jobstream.record_deletes();
