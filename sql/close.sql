-- Everything is closed to PUBLIC, with or without roles: functions run with the owner's rights.
revoke all on all functions in schema jobstream from public;
revoke all on all tables in schema jobstream from public;
