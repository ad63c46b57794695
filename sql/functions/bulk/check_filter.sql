create function jobstream.check_filter(p_filter jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_unknown pg_catalog.text;
begin
    if jsonb_typeof(p_filter) is distinct from 'object' then
        perform jobstream.refuse('JS400', 'filter must be an object', '{"field": "filter"}');
    end if;
    select min(k.name)
    into v_unknown
    from jsonb_object_keys(p_filter) as k (name)
    where k.name not in ('status', 'kind', 'queue', 'owner', 'pipeline_id', 'label', 'since', 'until', 'q');
    if v_unknown is not null then
        perform jobstream.refuse('JS400', 'unknown filter: ' || v_unknown, jsonb_build_object('field', v_unknown));
    end if;
    select min(f.name)
    into v_unknown
    from jsonb_each(p_filter) as f (name, value)
    cross join lateral jsonb_path_query(f.value, 'lax $[*]') as v (value)
    where jsonb_typeof(v.value) not in ('string', 'number', 'null')
        or (f.name in ('since', 'until', 'q') and jsonb_typeof(f.value) <> 'string')
        or (f.name = 'label' and v.value #>> '{}' !~ '^[^:]+:');
    if v_unknown is not null then
        perform jobstream.refuse(
            'JS400', 'a filter takes a text or an array of texts, label name:value; since, until and q one text', jsonb_build_object('field', v_unknown)
        );
    end if;
    perform (p_filter ->> 'since')::pg_catalog.timestamptz, (p_filter ->> 'until')::pg_catalog.timestamptz;
exception
    when data_exception then
        perform jobstream.refuse('JS400', 'since and until must be times', '{"field": "since"}');
end
$$;

comment on function jobstream.check_filter(jsonb) is 'Refuses (JS400) a filter with unknown names.';
