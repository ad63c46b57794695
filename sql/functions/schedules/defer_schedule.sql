create function jobstream.defer_schedule(name text, next_at timestamptz, error text default null)
returns void
language sql
security definer
set search_path = ''
as $$
    update jobstream.schedules as s
    set next_at = defer_schedule.next_at, last_error = coalesce(defer_schedule.error, s.last_error)
    where s.name = defer_schedule.name
$$;

comment on function jobstream.defer_schedule(text, timestamptz, text) is
'Notes a schedule''s next due time without making a job; error says why it made none.';
