-- Whether nothing but its key holds a job.
create function jobstream.is_free(p_id text, p_scheduled_at timestamptz, p_now timestamptz)
returns boolean
language sql
stable
as $$
    select (p_scheduled_at is null or p_scheduled_at <= p_now)
        and not exists (select from jobstream.job_awaits as a where a.job_id = p_id)
$$;

comment on function jobstream.is_free(text, timestamptz, timestamptz) is
'Whether a job is due and waits for no other.';
