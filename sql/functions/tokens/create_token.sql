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
