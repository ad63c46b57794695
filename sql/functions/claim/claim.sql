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
