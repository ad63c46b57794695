-- Jobs that match and can be changed, newest first, below a position.
create function jobstream.matching_jobs(
    p_action text, p_filter jsonb, p_owner text, p_below text, p_limit bigint
)
returns setof text
language sql
stable
set search_path = ''
as $$
    select j.id
    from jobstream.jobs as j
    where j.id < p_below
        and j.status = any (jobstream.bulk_statuses(p_action))
        and (p_owner is null or j.owner = p_owner)
        and (not p_filter ? 'status' or j.status = any (jobstream.filter_values(p_filter, 'status')))
        and (not p_filter ? 'kind' or j.kind = any (jobstream.filter_values(p_filter, 'kind')))
        and (not p_filter ? 'queue' or j.queue = any (jobstream.filter_values(p_filter, 'queue')))
        and (not p_filter ? 'owner' or j.owner = any (jobstream.filter_values(p_filter, 'owner')))
        and (not p_filter ? 'pipeline_id' or j.pipeline_id = any (jobstream.filter_values(p_filter, 'pipeline_id')))
        and (not p_filter ? 'since' or j.created_at >= (p_filter ->> 'since')::pg_catalog.timestamptz)
        and (not p_filter ? 'until' or j.created_at < (p_filter ->> 'until')::pg_catalog.timestamptz)
        and (
            not p_filter ? 'label'
            or exists (
                select from unnest(jobstream.filter_values(p_filter, 'label')) as l (pair)
                where j.labels ->> split_part(l.pair, ':', 1) = substr(l.pair, strpos(l.pair, ':') + 1)
            )
        )
        and (
            not p_filter ? 'q'
            or strpos(lower(j.kind), lower(p_filter ->> 'q')) > 0
            or strpos(lower(coalesce(j.last_error, '')), lower(p_filter ->> 'q')) > 0
        )
    order by j.id desc
    limit p_limit
$$;

comment on function jobstream.matching_jobs(text, jsonb, text, text, bigint) is
'Ids of jobs that match a filter and that the action can change, newest first.';
