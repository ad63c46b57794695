-- One duty for some jobs that the caller has locked.
create function jobstream.do_duty(p_duty text, p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    case p_duty
        when 'promote' then perform jobstream.advance_jobs(p_ids);
        when 'rescue' then perform jobstream.rescue_jobs(p_ids, 'the lease expired');
        when 'bury' then perform jobstream.rescue_jobs(p_ids, 'the worker is gone');
        when 'grace' then perform jobstream.end_grace(p_ids);
        when 'expire' then perform jobstream.expire_jobs(p_ids);
        when 'prune', 'delete' then
            delete from jobstream.jobs as j where j.id = any (p_ids) and jobstream.is_terminal(j.status);
        when 'cancel' then
            perform jobstream.cancel_held(array(
                select j.id from jobstream.jobs as j
                where j.id = any (p_ids) and j.status = any (jobstream.bulk_statuses('cancel'))
            ));
        when 'retry' then
            perform jobstream.restart_jobs(array(
                select j.id from jobstream.jobs as j
                where j.id = any (p_ids) and j.status = any (jobstream.bulk_statuses('retry'))
            ));
    end case;
end
$$;

comment on function jobstream.do_duty(text, text[]) is 'One duty of maintenance for some jobs.';
