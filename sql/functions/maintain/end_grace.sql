-- Running jobs whose cancel grace is over.
create function jobstream.end_grace(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform jobstream.end_attempt(
        j.id, 'cancel', 'cancelled', 'requested', null,
        jobstream.error_entry(
            j, jsonb_build_object('type', 'Cancelled', 'message', 'did not stop within the grace after a cancel')
        )
    )
    from jobstream.jobs as j
    where j.id = any (p_ids) and j.status = 'running' and j.cancel_requested;
end
$$;

comment on function jobstream.end_grace(text[]) is 'Takes the lease of locked jobs that did not stop when asked.';
