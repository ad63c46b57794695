-- The last 20 errors.
create function jobstream.add_error(p_errors jsonb, p_entry jsonb)
returns jsonb
language sql
immutable
as $$
    select case
        when pg_catalog.jsonb_array_length(p_errors) >= 20 then (p_errors - 0) || p_entry
        else p_errors || p_entry
    end
$$;

comment on function jobstream.add_error(jsonb, jsonb) is 'Appends to jobs.errors, keeping the last 20.';
