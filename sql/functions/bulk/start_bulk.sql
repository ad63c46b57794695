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
