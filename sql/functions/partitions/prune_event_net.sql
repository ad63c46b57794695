-- Deletes what is old in the net, where a day had no partition.
create function jobstream.prune_event_net(p_before timestamptz)
returns void
language sql
volatile
set search_path = ''
as $$
    with gone as (
        delete from jobstream.job_events_rest as e
        where e.ctid = any (array(select r.ctid from jobstream.job_events_rest as r where r.at < p_before limit 10000))
        returning e.xid, e.id
    )

    update jobstream.event_horizon as h
    set
        max_xid = (select g.xid from gone as g union all select h.max_xid order by xid desc limit 1),
        max_id = (select greatest(max(g.id), h.max_id) from gone as g)
    where exists (select from gone)
$$;

comment on function jobstream.prune_event_net(timestamptz) is
'Deletes old events that lie in no day''s partition, a batch.';
