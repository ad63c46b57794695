create function jobstream.keep_pipelines()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
    insert into jobstream.leftovers (pipeline_id)
    select n.pipeline_id
    from (
        select distinct r.pipeline_id from new_rows as r where r.pipeline_id is not null order by r.pipeline_id
    ) as n
    where not jobstream.refresh_pipeline(n.pipeline_id);
    return null;
end
$$;

comment on function jobstream.keep_pipelines() is 'Trigger: keeps the rows of pipelines whose jobs changed.';

-- Triggers fire in the order of their names: this one after release_followers, so that a step's end and what it released
-- make one event.
create trigger update_pipelines
after update on jobstream.jobs
referencing new table as new_rows
for each statement execute function jobstream.keep_pipelines();
