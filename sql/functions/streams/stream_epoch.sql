create function jobstream.stream_epoch()
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select substr(
        translate(encode(sha256(convert_to(jobstream.epoch_parts(), 'UTF8')), 'base64'), '+/=', '-_'), 1, 8
    )
$$;

comment on function jobstream.stream_epoch() is
'What cursors are good for, in 8 characters: this cluster, its timeline, this database, and the stored epoch.';
