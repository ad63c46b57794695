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
