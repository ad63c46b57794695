create function jobstream.is_terminal(p_status text)
returns boolean
language sql
immutable
as $$
    select p_status in ('done', 'dlq', 'cancelled')
$$;

comment on function jobstream.is_terminal(text) is
'Whether nothing follows a status by itself.';
