-- Cancel, retry or delete of everything that matches a filter: noted in bulk_operations, worked off from the newest id
-- down by maintain(), in batches, by whichever instance comes next.

-- A value of a filter as an array of texts: a text, a number or an array of them.
create function jobstream.filter_values(p_filter jsonb, p_name text)
returns text[]
language sql
immutable
as $$
    select case pg_catalog.jsonb_typeof(p_filter -> p_name)
        when 'array' then array(select v.value from pg_catalog.jsonb_array_elements_text(p_filter -> p_name) as v)
        when 'null' then null
        else array[p_filter ->> p_name]
    end
    where p_filter ? p_name
$$;

comment on function jobstream.filter_values(jsonb, text) is 'The values of one name of a filter; null: not asked for.';

create function jobstream.check_filter(p_filter jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_unknown pg_catalog.text;
begin
    if jsonb_typeof(p_filter) is distinct from 'object' then
        perform jobstream.refuse('JS400', 'filter must be an object', '{"field": "filter"}');
    end if;
    select min(k.name)
    into v_unknown
    from jsonb_object_keys(p_filter) as k (name)
    where k.name not in ('status', 'kind', 'queue', 'owner', 'pipeline_id', 'label', 'since', 'until', 'q');
    if v_unknown is not null then
        perform jobstream.refuse('JS400', 'unknown filter: ' || v_unknown, jsonb_build_object('field', v_unknown));
    end if;
    select min(f.name)
    into v_unknown
    from jsonb_each(p_filter) as f (name, value)
    cross join lateral jsonb_path_query(f.value, 'lax $[*]') as v (value)
    where jsonb_typeof(v.value) not in ('string', 'number', 'null')
        or (f.name in ('since', 'until', 'q') and jsonb_typeof(f.value) <> 'string')
        or (f.name = 'label' and v.value #>> '{}' !~ '^[^:]+:');
    if v_unknown is not null then
        perform jobstream.refuse(
            'JS400', 'a filter takes a text or an array of texts, label name:value; since, until and q one text', jsonb_build_object('field', v_unknown)
        );
    end if;
    perform (p_filter ->> 'since')::pg_catalog.timestamptz, (p_filter ->> 'until')::pg_catalog.timestamptz;
exception
    when data_exception then
        perform jobstream.refuse('JS400', 'since and until must be times', '{"field": "since"}');
end
$$;

comment on function jobstream.check_filter(jsonb) is 'Refuses (JS400) a filter with unknown names.';

-- Statuses that an action can do something about.
create function jobstream.bulk_statuses(p_action text)
returns text[]
language sql
immutable
as $$
    select case p_action
        when 'cancel' then array['waiting', 'pending', 'failed']
        when 'retry' then array['failed', 'done', 'dlq', 'cancelled']
        when 'delete' then array['done', 'dlq', 'cancelled']
    end
$$;

comment on function jobstream.bulk_statuses(text) is 'Which statuses cancel, retry or delete can change.';

-- Jobs that match and can be changed, newest first, below a position.
create function jobstream.matching_jobs(
    p_action text, p_filter jsonb, p_owner text, p_below text, p_limit bigint
)
returns setof text
language sql
stable
set search_path = ''
as $$
    select j.id
    from jobstream.jobs as j
    where j.id < p_below
        and j.status = any (jobstream.bulk_statuses(p_action))
        and (p_owner is null or j.owner = p_owner)
        and (not p_filter ? 'status' or j.status = any (jobstream.filter_values(p_filter, 'status')))
        and (not p_filter ? 'kind' or j.kind = any (jobstream.filter_values(p_filter, 'kind')))
        and (not p_filter ? 'queue' or j.queue = any (jobstream.filter_values(p_filter, 'queue')))
        and (not p_filter ? 'owner' or j.owner = any (jobstream.filter_values(p_filter, 'owner')))
        and (not p_filter ? 'pipeline_id' or j.pipeline_id = any (jobstream.filter_values(p_filter, 'pipeline_id')))
        and (not p_filter ? 'since' or j.created_at >= (p_filter ->> 'since')::pg_catalog.timestamptz)
        and (not p_filter ? 'until' or j.created_at < (p_filter ->> 'until')::pg_catalog.timestamptz)
        and (
            not p_filter ? 'label'
            or exists (
                select from unnest(jobstream.filter_values(p_filter, 'label')) as l (pair)
                where j.labels ->> split_part(l.pair, ':', 1) = substr(l.pair, strpos(l.pair, ':') + 1)
            )
        )
        and (
            not p_filter ? 'q'
            or strpos(lower(j.kind), lower(p_filter ->> 'q')) > 0
            or strpos(lower(coalesce(j.last_error, '')), lower(p_filter ->> 'q')) > 0
        )
    order by j.id desc
    limit p_limit
$$;

comment on function jobstream.matching_jobs(text, jsonb, text, text, bigint) is
'Ids of jobs that match a filter and that the action can change, newest first.';

create function jobstream.start_bulk(p_action text, p_filter jsonb, p_dry_run boolean, p_owner text)
returns table (bulk_id text, matched bigint)
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.act_as('bulk');
    perform jobstream.check_filter(p_filter);
    select count(*) into matched from jobstream.matching_jobs(p_action, p_filter, p_owner, '~', null);
    if not coalesce(p_dry_run, true) then
        insert into jobstream.bulk_operations (action, filter, owner, matched, position, by)
        values (p_action, p_filter, p_owner, matched, jobstream.new_id(), jobstream.actor())
        returning id into bulk_id;
        perform jobstream.ring('jobstream_events', '');
    end if;
    return next;
end
$$;

comment on function jobstream.start_bulk(text, jsonb, boolean, text) is
'Counts what matches and, unless it is a dry run, notes the operation for maintain().';

create function jobstream.cancel_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('cancel', filter, dry_run, cancel_where.owner) as s
$$;

comment on function jobstream.cancel_where(jsonb, boolean, text) is
'Cancels all waiting, pending and failed jobs that match. First look: dry_run is true by default.';

create function jobstream.retry_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('retry', filter, dry_run, retry_where.owner) as s
$$;

comment on function jobstream.retry_where(jsonb, boolean, text) is
'Retries all failed and ended jobs that match. First look: dry_run is true by default.';

create function jobstream.delete_where(filter jsonb, dry_run boolean default true, owner text default null)
returns table (bulk_id text, matched bigint)
language sql
security definer
set search_path = ''
as $$
    select s.bulk_id, s.matched from jobstream.start_bulk('delete', filter, dry_run, delete_where.owner) as s
$$;

comment on function jobstream.delete_where(jsonb, boolean, text) is
'Deletes all ended jobs that match. First look: dry_run is true by default.';

-- Locks a batch for a bulk operation. Rows that are held for a moment are waited for; those held for longer are passed
-- over: they are counted as skipped.
create function jobstream.lock_batch(p_ids text[])
returns text[]
language plpgsql
set search_path = ''
set lock_timeout = '300ms'
as $$
begin
    perform jobstream.lock_jobs(p_ids);
    return p_ids;
exception
    when lock_not_available then
        return jobstream.take_jobs(p_ids);
end
$$;

comment on function jobstream.lock_batch(text[]) is 'Locks a batch, or those of it that are free; answers which.';

-- One batch of the oldest open operation that nobody else works on; true: there is more to do.
create function jobstream.work_on_bulk()
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_batch constant integer := 500;
    v_before pg_catalog.text := coalesce(current_setting('jobstream.principal', true), '');
    v_bulk jobstream.bulk_operations;
    v_ids pg_catalog.text[];
    v_locked pg_catalog.text[];
    v_left bigint;
begin
    select b.*
    into v_bulk
    from jobstream.bulk_operations as b
    where b.status = 'running'
    order by b.id
    limit 1
    for update skip locked;
    if not found then
        return false;
    end if;
    v_ids := array(
        select m.id
        from jobstream.matching_jobs(v_bulk.action, v_bulk.filter, v_bulk.owner, v_bulk.position, v_batch) as m (id)
    );
    perform jobstream.act_as('bulk');
    perform set_config('jobstream.principal', coalesce(v_bulk."by", ''), true);
    v_locked := jobstream.lock_batch(v_ids);
    perform jobstream.do_duty_safely(v_bulk.action, v_locked);
    perform set_config('jobstream.principal', v_before, true);
    select cardinality(v_ids) - count(*)
    into v_left
    from jobstream.jobs as j
    where j.id = any (v_locked)
        and j.status <> all (jobstream.bulk_statuses(v_bulk.action));
    if v_bulk.action = 'delete' then
        select count(*) into v_left from jobstream.jobs as j where j.id = any (v_ids);
    end if;
    update jobstream.bulk_operations as b
    set
        position = coalesce((select min(i.id) from unnest(v_ids) as i (id)), b.position),
        done = b.done + cardinality(v_ids) - v_left,
        skipped = b.skipped + v_left,
        status = case when cardinality(v_ids) < v_batch then 'done' else 'running' end,
        completed_at = case when cardinality(v_ids) < v_batch then jobstream.clock() end
    where b.id = v_bulk.id;
    perform jobstream.act_as('maintain');
    return true;
end
$$;

comment on function jobstream.work_on_bulk() is
'One batch of the oldest open bulk operation; true: there may be more to do.';

create function jobstream.retry_dlq(queue text default null, kind text default null, max integer default null)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids pg_catalog.text[];
begin
    perform jobstream.act_as('retry');
    if retry_dlq.max < 0 then
        perform jobstream.refuse('JS400', 'max must not be negative', '{"field": "max"}');
    end if;
    v_ids := array(
        select j.id
        from jobstream.jobs as j
        where j.status = 'dlq'
            and (retry_dlq.queue is null or j.queue = retry_dlq.queue)
            and (retry_dlq.kind is null or j.kind = retry_dlq.kind)
        order by j.id
        limit retry_dlq.max
        for update skip locked
    );
    perform jobstream.restart_jobs(v_ids);
    return cardinality(v_ids);
end
$$;

comment on function jobstream.retry_dlq(text, text, integer) is
'Retries the oldest dead letters, at most max, of a queue and a kind (null: any); answers how many.';
