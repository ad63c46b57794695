-- Contract of states, in one expression: which status may follow which. Who may do it is decided by the verbs.
create function jobstream.may_become(p_from text, p_to text)
returns boolean
language sql
immutable
as $$
    select case p_from
        when 'waiting' then p_to in ('pending', 'cancelled', 'dlq')
        when 'pending' then p_to in ('running', 'waiting', 'cancelled', 'dlq')
        when 'running' then p_to in ('done', 'failed', 'dlq', 'cancelled', 'pending', 'waiting')
        when 'failed' then p_to in ('pending', 'cancelled', 'dlq')
        when 'done' then p_to in ('pending', 'waiting')
        when 'dlq' then p_to in ('pending', 'waiting')
        when 'cancelled' then p_to in ('pending', 'waiting')
        else false
    end
$$;

comment on function jobstream.may_become(text, text) is
'Whether a job may go from one status to the other.';
