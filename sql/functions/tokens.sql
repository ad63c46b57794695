-- Tokens: jst_<id>_<secret>; only SHA-256 of the whole is kept. The secret has 244 random bits, so no salt and no slow
-- hash is needed. Looking one up is a read by primary key; the comparison is of hashes.

create function jobstream.create_token(
    principal text, scopes text[], expires_at timestamptz default null, queues text[] default null
)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_id pg_catalog.text := jobstream.new_id();
    v_token pg_catalog.text := 'jst_' || v_id || '_'
        || replace(gen_random_uuid()::pg_catalog.text || gen_random_uuid()::pg_catalog.text, '-', '');
begin
    if create_token.principal is null or char_length(create_token.principal) not between 1 and 256 then
        perform jobstream.refuse('JS400', 'principal must be 1 to 256 characters', '{"field": "principal"}');
    elsif not coalesce(
        create_token.scopes <@ array['read', 'write', 'work', 'operate', 'admin']
        and cardinality(create_token.scopes) > 0, false
    ) then
        perform jobstream.refuse(
            'JS400', 'scopes must be some of read, write, work, operate, admin', '{"field": "scopes"}'
        );
    end if;
    insert into jobstream.tokens (id, principal, scopes, queues, expires_at, hash)
    values (
        v_id, create_token.principal, create_token.scopes, create_token.queues, create_token.expires_at,
        sha256(convert_to(v_token, 'UTF8'))
    );
    return v_token;
end
$$;

comment on function jobstream.create_token(text, text[], timestamptz, text[]) is
'Makes a token and shows it, this once. Scopes: read, write, work, operate, admin.';

create function jobstream.revoke_token(id text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    update jobstream.tokens as t
    set revoked_at = coalesce(t.revoked_at, jobstream.clock())
    where t.id = case when revoke_token.id like 'jst\_%' then substr(revoke_token.id, 5, 26) else revoke_token.id end;
    if not found then
        perform jobstream.refuse('JS404', 'no such token: ' || coalesce(revoke_token.id, 'null'));
    end if;
end
$$;

comment on function jobstream.revoke_token(text) is 'From now on the token counts no more; its id or the whole token will do. JS404.';

create function jobstream.authenticate(token text)
returns table (id text, principal text, scopes text[], queues text[], expires_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_token jobstream.tokens;
begin
    select t.*
    into v_token
    from jobstream.tokens as t
    where t.id = substr(authenticate.token, 5, 26)
        and t.hash = sha256(convert_to(authenticate.token, 'UTF8'))
        and t.revoked_at is null
        and (t.expires_at is null or t.expires_at > v_now);
    if not found then
        return;
    end if;
    if v_token.last_used_at is null or v_token.last_used_at < v_now - interval '1 minute' then
        update jobstream.tokens as t
        set last_used_at = v_now
        where t.ctid in (
            select k.ctid from jobstream.tokens as k where k.id = v_token.id for update skip locked
        );
    end if;
    return query
    select v_token.id, v_token.principal, v_token.scopes, v_token.queues, v_token.expires_at;
end
$$;

comment on function jobstream.authenticate(text) is
'Who bears a token and what it may do; no row: unknown, expired or revoked.';

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
