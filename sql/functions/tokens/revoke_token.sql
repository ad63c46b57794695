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
