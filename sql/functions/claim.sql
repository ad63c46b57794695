-- Claiming: FOR UPDATE SKIP LOCKED in index order inside a materialized CTE, then an UPDATE by ctid: joins of jobs to an
-- array flip to a sequential scan from a few hundred rows on.
-- What workers, producers and maintenance call plans without sequential scans: a session keeps the plans that it made when
-- a table was small, and would go through all of it for each job once it is large. Claims and maintenance plan without
-- bitmaps too: these read all that is pending, or due, before the first is taken, where an index gives them in order.
-- Plans are kept: one made for the values at hand looks cheaper, and to make it anew at each call took up to half of a
-- verb's time (heartbeat 0.42 to 0.24 ms, complete_many 0.46 to 0.34, maintain 1.2 to 0.7 with little to do).

-- How many jobs a queue may hand out now, at most p_limit: pause, max_running and rate. Where max_running or a rate is
-- set the queue's row stays locked until the transaction ends, and counting is a statement of its own after the lock:
-- in one statement max_running = 1 ran two.
create function jobstream.take_allowance(p_queue text, p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_queue jobstream.queues;
    v_now pg_catalog.timestamptz;
    v_running bigint;
begin
    select q.* into v_queue from jobstream.queues as q where q.name = p_queue;
    if not found or (not v_queue.paused and v_queue.max_running is null and v_queue.rate_count is null) then
        return p_limit;
    elsif v_queue.paused then
        return 0;
    elsif current_setting('transaction_isolation') <> 'read committed' then
        perform jobstream.refuse('JS400', 'claiming from a queue with limits wants READ COMMITTED');
    end if;

    select q.* into v_queue from jobstream.queues as q where q.name = p_queue for update;
    if v_queue.max_running is not null then
        select count(*)
        into v_running
        from jobstream.jobs as j
        where j.status = 'running' and j.queue = p_queue;
        p_limit := least(p_limit, v_queue.max_running - v_running);
    end if;
    if v_queue.rate_count is not null then
        v_now := jobstream.clock();
        if v_queue.rate_filled_at > v_now then -- the clock was set back: an empty bucket would stay so until it catches up
            update jobstream.queues as q set rate_filled_at = v_now where q.name = p_queue;
            v_queue.rate_filled_at := v_now;
        end if;
        p_limit := least(p_limit, floor(jobstream.rate_tokens(v_queue, v_now) + 1e-9));
    end if;
    return greatest(p_limit, 0);
end
$$;

comment on function jobstream.take_allowance(text, integer) is
'How many jobs a queue may hand out now; locks the queue''s row where it has limits.';

-- Tokens in a queue's bucket at a time: it starts full and fills at rate_count / rate_seconds a second.
create function jobstream.rate_tokens(p_queue jobstream.queues, p_now timestamptz)
returns double precision
language sql
immutable
as $$
    select least(
        p_queue.rate_count::double precision,
        coalesce(p_queue.rate_tokens, p_queue.rate_count)
        + greatest(extract(epoch from p_now - coalesce(p_queue.rate_filled_at, p_now)), 0)
        * p_queue.rate_count / p_queue.rate_seconds
    )
$$;

comment on function jobstream.rate_tokens(jobstream.queues, timestamptz) is
'Tokens in a queue''s bucket at that time.';

create function jobstream.spend_tokens(p_queue text, p_count bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    update jobstream.queues as q
    set rate_tokens = jobstream.rate_tokens(q, v_now) - p_count, rate_filled_at = v_now
    where q.name = p_queue and q.rate_count is not null;
end
$$;

comment on function jobstream.spend_tokens(text, bigint) is 'Takes tokens out of a queue''s bucket.';

-- Whether a JSON value is an object of positions: {"<queue>": [priority, "id"]}.
create function jobstream.is_position(p_after jsonb)
returns boolean
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_after) <> 'object' then false
        else not exists (
            select from pg_catalog.jsonb_each(p_after) as p
            where pg_catalog.jsonb_typeof(p.value) <> 'array'
                or pg_catalog.jsonb_typeof(p.value -> 0) is distinct from 'number'
                or p.value ->> 0 !~ '^-?[0-9]{1,10}$'
                or not (p.value ->> 0)::bigint between -2147483648 and 2147483647
                or pg_catalog.jsonb_typeof(p.value -> 1) is distinct from 'string'
        )
    end
$$;

comment on function jobstream.is_position(jsonb) is 'Whether it can be the parameter after of claim().';

-- Claims up to n jobs, queues in array order. after: {"<queue>": [priority, "id"]}, the last position that the caller
-- claimed: the scan starts behind it (dead entries of an old snapshot stay at the head of the index) and starts anew from
-- the head, in the same call, where that gives fewer than asked.
-- Nothing: no job is due, or its queue is paused, full or out of tokens. READ COMMITTED.
-- Locks and writes: the jobs it returns; rows of queues with limits; jobs that are settled on the way.
create function jobstream.claim(
    queues text[],
    n integer default 1,
    worker text default null,
    lease interval default '30 s',
    after jsonb default null
)
returns setof jobstream.jobs
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set enable_bitmapscan = off
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_worker pg_catalog.text := coalesce(
        claim.worker, concat_ws('/', session_user, nullif(current_setting('application_name'), ''), pg_backend_pid())
    );
    v_left integer := least(claim.n, 10000);
    v_queue pg_catalog.text;
    v_allowed integer;
    v_rows integer;
    v_behind pg_catalog.jsonb;
begin
    perform jobstream.act_as('work');
    if claim.queues is null or array_position(claim.queues, null) is not null then
        perform jobstream.refuse('JS400', 'queues must be an array of names');
    elsif claim.n is null or claim.n < 0 then
        perform jobstream.refuse('JS400', 'n must not be negative');
    elsif claim.lease is null or claim.lease < interval '1 s' or claim.lease > interval '1 day' then
        perform jobstream.refuse('JS400', 'lease must be 1 second to 1 day');
    elsif char_length(claim.worker) not between 1 and 256 then
        perform jobstream.refuse('JS400', 'worker must be a name of 1 to 256 characters');
    elsif claim.after is not null and not coalesce(jobstream.is_position(claim.after), false) then
        perform jobstream.refuse('JS400', 'after must be like {"default": [0, "01J..."]}');
    end if;
    if jobstream.is_unsettled(v_now) then
        perform jobstream.settle_jobs(200);
    end if;

    foreach v_queue in array claim.queues loop
        exit when v_left <= 0;
        v_allowed := jobstream.take_allowance(v_queue, v_left);
        v_left := v_left - v_allowed;
        -- First behind the position, then from the head.
        foreach v_behind in array array[claim.after -> v_queue, '[-2147483648, ""]'] loop
            continue when v_behind is null or v_allowed = 0;
            return query
            with picked as materialized (
                select j.ctid as place
                from jobstream.jobs as j
                where j.status = 'pending'
                    and j.queue = v_queue
                    and (j.priority, j.id) > ((v_behind ->> 0)::integer, v_behind ->> 1)
                    and (j.deadline is null or j.deadline > v_now)
                order by j.priority, j.id
                limit v_allowed
                for update skip locked
            ),

            leased as (
                update jobstream.jobs as j
                set
                    revision = j.revision + 1,
                    status = 'running',
                    attempt = j.attempt + 1,
                    worker = v_worker,
                    lease_until = v_now + claim.lease,
                    started_at = v_now,
                    progress = null
                where j.ctid = any (array(select p.place from picked as p))
                returning j.*
            )

            select * from leased as l order by l.priority, l.id;
            get diagnostics v_rows = row_count;
            v_allowed := v_allowed - v_rows;
            if v_rows > 0 then
                perform jobstream.spend_tokens(v_queue, v_rows);
            end if;
        end loop;
        v_left := v_left + v_allowed;
    end loop;
end
$$;

comment on function jobstream.claim(text[], integer, text, interval, jsonb) is
'Leases up to n jobs of the queues, in array order. select * from jobstream.claim(''{default}'', 10);';
