create function jobstream.secret_key()
returns text
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into jobstream.settings (name, value)
    values ('secret_key', replace(gen_random_uuid()::pg_catalog.text || gen_random_uuid()::pg_catalog.text, '-', ''))
    on conflict (name) do nothing;
    return (select s.value from jobstream.settings as s where s.name = 'secret_key');
end
$$;

comment on function jobstream.secret_key() is 'The key that signs tickets and cookies; made once.';
