-- The verb at work, for events: each public function that writes jobs names its own at its start, and a plain UPDATE
-- clears it (check_update). It is not a SET clause of the functions, because only a superuser may create those with a
-- setting of one's own.
create function jobstream.act_as(p_verb text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if current_setting('jobstream.verb', true) is distinct from p_verb then
        perform set_config('jobstream.verb', p_verb, true);
    end if;
end
$$;

comment on function jobstream.act_as(text) is 'Names the verb at work, until the transaction ends or another is named.';
