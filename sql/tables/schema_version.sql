-- Alembic makes this table itself when it is missing, with the same columns; hence "if not exists" and its names.
create table if not exists jobstream.schema_version (
    version_num varchar(32) not null,
    constraint schema_version_pkc primary key (version_num)
);

comment on table jobstream.schema_version is
'The version of this schema, one row, written by jobstream migrate.';
comment on column jobstream.schema_version.version_num is 'The newest revision that was run.';
