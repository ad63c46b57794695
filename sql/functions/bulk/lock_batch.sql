-- Locks a batch for a bulk operation. Rows that are held for a moment are waited for; those held for longer are passed
-- over: they are counted as skipped.
create function jobstream.lock_batch(p_ids text[])
returns text[]
language plpgsql
set search_path = ''
set lock_timeout = '300ms'
as $$
begin
    perform jobstream.lock_jobs(p_ids);
    return p_ids;
exception
    when lock_not_available then
        return jobstream.take_jobs(p_ids);
end
$$;

comment on function jobstream.lock_batch(text[]) is 'Locks a batch, or those of it that are free; answers which.';
