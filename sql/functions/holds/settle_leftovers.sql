-- Finishes what changes have left: followers, at most p_limit, then keys and pipelines.
create function jobstream.settle_leftovers(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_left pg_catalog.record;
    v_is_done boolean;
    v_count integer := jobstream.settle_followers(p_limit);
begin
    for v_left in
        select l.*
        from jobstream.leftovers as l
        where l.job_id is null and (l.look_at is null or jobstream.is_to_look_at(l.look_at, v_now))
        order by l.id
        limit p_limit
        for update skip locked
    loop
        v_count := v_count + 1;
        if v_left.concurrency_key is not null then
            v_is_done := jobstream.admit_jobs(v_left.queue, v_left.concurrency_key, true);
        else
            v_is_done := jobstream.refresh_pipeline(v_left.pipeline_id);
        end if;
        if v_is_done then
            delete from jobstream.leftovers as l where l.id = v_left.id;
        else
            update jobstream.leftovers as l set look_at = v_now + interval '1 s' where l.id = v_left.id;
        end if;
    end loop;
    return v_count;
end
$$;

comment on function jobstream.settle_leftovers(integer) is
'Finishes what changes left because it was locked or too much; answers how many it took.';
