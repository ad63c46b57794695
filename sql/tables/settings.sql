create table jobstream.settings (
    name text primary key,
    value text not null
);

comment on table jobstream.settings is
'What one database keeps for all processes: secret_key, epoch, epoch_entered, event_retention_days.';
comment on column jobstream.settings.name is 'Name of the setting.';
comment on column jobstream.settings.value is 'Its value, as text.';

insert into jobstream.settings (name, value)
values
    ('event_retention_days', '14'),
    ('house_kept_at', '0'),
    ('pruned_to', ''),
    ('epoch', pg_catalog.substr(pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 1, 8));
