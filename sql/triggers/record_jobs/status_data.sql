-- What a status event says beside the status. A result over 8 KiB gives way to a mark.
create function jobstream.status_data(p_from text, p_status text, p_reason text, p_result jsonb, p_error text)
returns jsonb
language sql
immutable
as $$
    select case
        when p_status = 'done' and pg_catalog.pg_column_size(p_result) > 1300
            and pg_catalog.octet_length(p_result::pg_catalog.text) > 8192
        then pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason, 'result_omitted', true)
        when p_status = 'done'
        then pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason, 'result', p_result)
        when p_error is not null and p_status in ('failed', 'dlq', 'cancelled')
        then pg_catalog.jsonb_build_object(
            'from', p_from, 'reason', p_reason, 'error', pg_catalog.left(p_error, 2000)
        )
        else pg_catalog.jsonb_build_object('from', p_from, 'reason', p_reason)
    end
$$;

comment on function jobstream.status_data(text, text, text, jsonb, text) is
'The data of a status event: {from, reason, result | result_omitted | error}.';
