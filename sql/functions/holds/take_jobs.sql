-- Locks those of the jobs that nobody else has locked, in ascending id; answers which.
create function jobstream.take_jobs(p_ids text[])
returns text[]
language sql
volatile
set search_path = ''
as $$
    select array(
        select locked.id
        from (select distinct i.id from unnest(p_ids) as i (id) order by i.id offset 0) as ordered
        cross join lateral (
            select j.id from jobstream.jobs as j where j.id = ordered.id for update skip locked
        ) as locked
    )
$$;

comment on function jobstream.take_jobs(text[]) is 'Locks those of the jobs that are free; answers which.';
