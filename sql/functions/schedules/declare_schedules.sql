-- A worker has these in its code, and is told which ones no worker had for so long: they go on making jobs, since old and
-- new code run side by side during a deploy and only people know which of the two is right.
create function jobstream.declare_schedules(names text[], stale interval)
returns setof text
language sql
security definer
set search_path = ''
as $$
    -- Not more often than needed, however many workers say so; a row that is locked is being written by another of them.
    with mine as materialized (
        select s.name
        from jobstream.schedules as s
        where s.name = any (declare_schedules.names)
            and (s.declared_at is null or s.declared_at < jobstream.clock() - declare_schedules.stale / 6)
        for update skip locked
    )

    update jobstream.schedules as s
    set declared_at = jobstream.clock()
    from mine as m
    where m.name = s.name;

    select s.name
    from jobstream.schedules as s
    where s.name <> all (declare_schedules.names)
        and s.declared_at < jobstream.clock() - declare_schedules.stale
    order by s.name;
$$;

comment on function jobstream.declare_schedules(text[], interval) is
'A worker has these in its code; answers those that no worker had for so long.';
