-- The status before, if the change is legal; an error otherwise.
create function jobstream.legal_from(
    p_id text, p_from text, p_to text, p_from_attempt integer, p_to_attempt integer
)
returns text
language sql
volatile
as $$
    select case
        when not jobstream.may_become(p_from, p_to)
        then jobstream.refuse('JS409', 'a job cannot go from ' || p_from || ' to ' || p_to || ': ' || p_id)
        when p_to_attempt <> p_from_attempt + case when p_to = 'running' then 1 else 0 end
        then jobstream.refuse('JS409', 'attempt counts claims and nothing else: ' || p_id)
        else p_from
    end
$$;

comment on function jobstream.legal_from(text, text, text, integer, integer) is
'The status before a change, after checking the change.';
