-- Why no registered worker takes jobs of a queue and kind; null: one does.
create function jobstream.worker_fault(p_queue text, p_kind text)
returns text
language sql
stable
as $$
    select case
        when w.listening = 0
        then pg_catalog.format('no registered worker listens to queue %s (SQL and HTTP workers need not register)', p_queue)
        when w.handling = 0
        then pg_catalog.format('no live worker of queue %s has a handler for kind %s', p_queue, p_kind)
    end
    from (
        select
            pg_catalog.count(*) as listening,
            pg_catalog.count(*) filter (where p_kind = any (k.kinds)) as handling
        from jobstream.workers as k
        where p_queue = any (k.queues) and k.seen_at > jobstream.clock() - interval '30 s'
    ) as w
$$;

comment on function jobstream.worker_fault(text, text) is 'Why no registered worker takes jobs of a queue and kind; null: one does.';
