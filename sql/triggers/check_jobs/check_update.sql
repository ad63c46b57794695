create function jobstream.check_update()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_gated boolean;
begin
    perform jobstream.act_as('');
    new.revision := old.revision + 1;
    if (new.id, new.owner, new.created_at, new.attempt, new.idempotency_key)
        is distinct from (old.id, old.owner, old.created_at, old.attempt, old.idempotency_key)
    then
        perform jobstream.refuse('JS400', 'id, owner, created_at, attempt and idempotency_key cannot be changed');
    elsif new.await_jobs is distinct from old.await_jobs then
        perform jobstream.refuse('JS400', 'what a job awaits cannot be changed');
    end if;
    perform jobstream.check_values(new);
    if new.lease_until < v_now and new.lease_until is distinct from old.lease_until then
        new.lease_until := v_now; -- no earlier, or maintain() might think that it has seen to it
    end if;
    -- What is no business of plain SQL stays as it is.
    new.hold := old.hold;
    new.look_at := old.look_at;
    new.ended_attempt := old.ended_attempt;
    new.ended_verb := old.ended_verb;
    new.fingerprint := old.fingerprint;
    new.error_count := old.error_count;
    new.cancel_requested := new.cancel_requested and new.status = 'running';
    if not new.cancel_requested then
        new.cancel_requested_at := null;
    elsif not old.cancel_requested then
        new.cancel_requested_at := v_now;
        perform jobstream.ring('jobstream_cancel', old.worker);
    else
        new.cancel_requested_at := old.cancel_requested_at;
    end if;
    if (new.labels, new.kind, new.queue) is distinct from (old.labels, old.kind, old.queue) then
        perform jobstream.relabel_job(old, new);
    end if;
    v_gated := new.concurrency_key is not null
        or exists (select from jobstream.job_awaits as a where a.job_id = old.id);

    if new.status = old.status then
        if new.status in ('waiting', 'failed') and (
            new.scheduled_at is distinct from old.scheduled_at
            or new.priority <> old.priority
            or new.concurrency_key is distinct from old.concurrency_key
            or new.queue <> old.queue
        ) then
            new.hold := 'settling';
        elsif new.status = 'pending' and (
            new.scheduled_at > v_now
            or new.concurrency_key is distinct from old.concurrency_key
            or (new.concurrency_key is not null and new.queue <> old.queue)
        ) then
            new.status := 'waiting';
            new.hold := 'settling';
        end if;
        return new;
    end if;

    if not jobstream.may_become(old.status, new.status) or new.status = 'running'
        or (new.status = 'dlq' and old.status <> 'running' and coalesce(new.deadline > v_now, true))
    then
        perform jobstream.refuse(
            'JS409', 'a job cannot be set from ' || old.status || ' to ' || new.status || ': ' || old.id
        );
    end if;
    if old.status = 'running' then
        if old.cancel_requested and new.status <> 'done' then
            new.status := 'cancelled';
            new.reason := 'requested';
        end if;
        new.worker := null;
        new.lease_until := null;
        new.ended_attempt := old.attempt;
        new.ended_verb := 'update';
    end if;
    new.hold := null;
    if jobstream.is_terminal(new.status) then
        new.completed_at := v_now;
        new.reason := case
            when new.status = 'done' then null
            when new.reason is not null then new.reason
            when new.status = 'dlq' and new.deadline <= v_now then 'deadline'
            else 'requested'
        end;
        delete from jobstream.job_awaits as a where a.job_id = old.id;
        return new;
    end if;
    if jobstream.is_terminal(old.status) then
        new.trigger := 'retry';
        new.failures := 0;
        new.crashes := 0;
        new.result := null;
        new.progress := null;
        new.completed_at := null;
        new.reason := null;
        new.deadline := case when new.deadline > v_now then new.deadline end;
        perform jobstream.await_again(array[old.id]);
        v_gated := new.concurrency_key is not null
            or exists (select from jobstream.job_awaits as a where a.job_id = old.id);
    end if;
    if new.status = 'failed' then
        new.hold := 'settling';
    elsif new.status = 'waiting' or v_gated then
        new.status := case when old.status = 'failed' then 'failed' else 'waiting' end;
        new.hold := 'settling';
    elsif old.scheduled_at > v_now and new.scheduled_at is not distinct from old.scheduled_at then
        new.scheduled_at := v_now;
    end if;
    return new;
end
$$;

comment on function jobstream.check_update() is
'Trigger: a plain UPDATE of a job is checked, and completed.';

create trigger check_update
before update on jobstream.jobs
for each row
when (new.revision = old.revision)
execute function jobstream.check_update();
