create function jobstream.id_time(p_at timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
    select string_agg(jobstream.base32_digit(floor(extract(epoch from p_at) * 1000)::bigint, place), '' order by place desc)
    from generate_series(0, 9) as place
$$;

comment on function jobstream.id_time(timestamptz) is
'First ten characters of an id made at that time: the lower bound of a range of ids.';
