-- Rows of a verb for many, in the order that all verbs keep: ascending id.
create function jobstream.lock_jobs(p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform from (select distinct i.id from unnest(p_ids) as i (id) order by i.id offset 0) as ordered
    cross join lateral (select from jobstream.jobs as j where j.id = ordered.id for update) as locked;
end
$$;

comment on function jobstream.lock_jobs(text[]) is 'Locks jobs in ascending id.';
