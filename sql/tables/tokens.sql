create table jobstream.tokens (
    id text collate "C" primary key default jobstream.new_id(),
    principal text not null,
    scopes text[] not null,
    queues text[],
    created_at timestamptz not null default jobstream.clock(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    hash bytea not null,
    constraint tokens_principal_named check (principal <> ''),
    constraint tokens_scopes_known check (
        scopes <@ array['read', 'write', 'work', 'operate', 'admin'] and pg_catalog.cardinality(scopes) > 0
    )
);

comment on table jobstream.tokens is 'Credentials of the HTTP surface; only hashes are kept.';
comment on column jobstream.tokens.id is 'ULID; part of the token''s text.';
comment on column jobstream.tokens.principal is 'Who bears it: the owner of what it creates.';
comment on column jobstream.tokens.scopes is 'read, write, work, operate, admin.';
comment on column jobstream.tokens.queues is 'With work: only these queues; null: all.';
comment on column jobstream.tokens.created_at is 'When it was made.';
comment on column jobstream.tokens.expires_at is 'Until when it counts; null: for ever.';
comment on column jobstream.tokens.last_used_at is 'When it was last used, to the minute.';
comment on column jobstream.tokens.revoked_at is 'Since when it counts no more.';
comment on column jobstream.tokens.hash is 'SHA-256 of the whole token.';
