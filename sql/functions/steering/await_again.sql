-- What locked jobs that are started anew wait for again: upstreams that have not ended, or are started anew with them.
create function jobstream.await_again(p_ids text[])
returns void
language sql
volatile
set search_path = ''
as $$
    insert into jobstream.job_awaits (job_id, upstream_id)
    select distinct j.id, u.id
    from jobstream.jobs as j
    cross join lateral unnest(j.await_jobs) as a (id)
    inner join jobstream.jobs as u on a.id = u.id
    where j.id = any (p_ids)
        and j.status <> 'failed'
        and (u.status not in ('done', 'dlq', 'cancelled') or u.id = any (p_ids))
    on conflict do nothing
$$;

comment on function jobstream.await_again(text[]) is 'Notes what jobs that are started anew wait for again.';
