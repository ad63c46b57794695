-- Times to look again are a second ahead at most: what is further ahead was noted before the clock was set back.
create function jobstream.is_to_look_at(p_look_at timestamptz, p_now timestamptz)
returns boolean
language sql
immutable
as $$
    select p_look_at <= p_now or p_look_at > p_now + interval '2 s'
$$;

comment on function jobstream.is_to_look_at(timestamptz, timestamptz) is
'Whether the time has come to look again at what was locked.';
