-- What is wrong with the steps of a pipeline; null: nothing.
create function jobstream.steps_fault(p_steps jsonb)
returns text
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_typeof(p_steps) is distinct from 'array' then 'steps must be an array'
        when pg_catalog.jsonb_array_length(p_steps) not between 1 and 1000 then 'a pipeline has 1 to 1000 steps'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where pg_catalog.jsonb_typeof(s.step) <> 'object'
        )
        then 'each step must be an object'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where coalesce(s.step ->> 'key', '') !~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'
        )
        then 'each step needs a key of 1 to 128 of A-Z a-z 0-9 _ . : -'
        when (
            select pg_catalog.count(*) <> pg_catalog.count(distinct s.step ->> 'key')
            from pg_catalog.jsonb_array_elements(p_steps) as s (step)
        )
        then 'keys of steps must differ'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where s.step ? 'after' and pg_catalog.jsonb_typeof(s.step -> 'after') <> 'array'
        )
        then 'after must be an array of keys'
        when exists (
            select from pg_catalog.jsonb_array_elements(p_steps) as s (step)
            where pg_catalog.jsonb_typeof(jobstream.flat_request(s.step) -> 'await_jobs') not in ('array', 'null')
        )
        then 'await_jobs must be an array of ids'
    end
$$;

comment on function jobstream.steps_fault(jsonb) is 'What is wrong with the steps of a pipeline; null: nothing.';
