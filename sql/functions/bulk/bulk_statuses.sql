-- Statuses that an action can do something about.
create function jobstream.bulk_statuses(p_action text)
returns text[]
language sql
immutable
as $$
    select case p_action
        when 'cancel' then array['waiting', 'pending', 'failed']
        when 'retry' then array['failed', 'done', 'dlq', 'cancelled']
        when 'delete' then array['done', 'dlq', 'cancelled']
    end
$$;

comment on function jobstream.bulk_statuses(text) is 'Which statuses cancel, retry or delete can change.';
