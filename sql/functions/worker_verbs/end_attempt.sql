-- Ends an attempt: the one place where a running job's row is closed. Null scheduled_at keeps what stands.
create function jobstream.end_attempt(
    p_id text, p_verb text, p_status text, p_reason text default null, p_due timestamptz default null,
    p_error jsonb default null, p_failures integer default 0, p_crashes integer default 0
)
returns text
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
begin
    update jobstream.jobs as j
    set
        revision = j.revision + 1,
        status = p_status,
        reason = p_reason,
        scheduled_at = coalesce(p_due, j.scheduled_at),
        hold = case when p_status in ('waiting', 'failed') then 'time' end,
        completed_at = case when jobstream.is_terminal(p_status) then v_now end,
        worker = null,
        lease_until = null,
        cancel_requested = false,
        cancel_requested_at = null,
        failures = j.failures + p_failures,
        crashes = j.crashes + p_crashes,
        last_error = coalesce(jobstream.error_text(p_error), j.last_error),
        errors = case when p_error is null then j.errors else jobstream.add_error(j.errors, p_error) end,
        error_count = j.error_count + case when p_error is null then 0 else 1 end,
        ended_attempt = j.attempt,
        ended_verb = p_verb
    where j.id = p_id;
    return p_status;
end
$$;

comment on function jobstream.end_attempt(text, text, text, text, timestamptz, jsonb, integer, integer) is
'Closes the row of a running job: its next status, reason, due time and error.';
