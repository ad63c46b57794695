-- In a key without room: jobs that come before pending ones that nobody has claimed yet take their places, and where the
-- limit was lowered (p_room below 0) the last pending ones step back. Answers how many times, p_most at most.
create function jobstream.make_way(p_queue text, p_key text, p_room bigint, p_most integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_out pg_catalog.text[];
    v_in pg_catalog.text[];
begin
    v_out := array(
        select k.id
        from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.status = 'pending'
        order by k.priority desc, k.id desc
        limit least(case when p_room < 0 then -p_room end, p_most)
        for update skip locked
    );
    if p_room = 0 then
        v_in := array(
            select k.id
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key
                and k.hold in ('key', 'settling')
                and (k.hold = 'key' or jobstream.is_free(k.id, k.scheduled_at, v_now))
            order by k.priority, k.id
            limit cardinality(v_out)
            for update skip locked
        );
        -- The first of those who want in against the last of those who are.
        select array_agg(o.id), array_agg(n.id)
        into v_out, v_in
        from unnest(v_out, v_in) as pair (out_id, in_id)
        inner join jobstream.jobs as o on pair.out_id = o.id
        inner join jobstream.jobs as n on pair.in_id = n.id
        where (n.priority, n.id) < (o.priority, o.id);
        update jobstream.jobs as j
        set revision = j.revision + 1, status = 'pending', hold = null, look_at = null
        where j.id = any (v_in);
    end if;
    update jobstream.jobs as j
    set revision = j.revision + 1, status = 'waiting', hold = 'key'
    where j.id = any (v_out);
    return coalesce(cardinality(v_out), 0);
end
$$;

comment on function jobstream.make_way(text, text, bigint, integer) is
'Lets jobs of a key step back for those that come before them; answers how many.';
