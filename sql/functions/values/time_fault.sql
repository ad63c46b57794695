-- Years from 1 to 9999: what other languages can read.
create function jobstream.time_fault(p_at timestamptz)
returns text
language sql
immutable
as $$
    select case
        when p_at < '0001-01-02 00:00:00+00' or p_at >= '9999-12-31 00:00:00+00'
        then 'must be a time of the years 1 to 9999'
    end
$$;

comment on function jobstream.time_fault(timestamptz) is 'What is wrong with a time; null: nothing.';
