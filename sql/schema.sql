create schema if not exists jobstream;

comment on schema jobstream is
'Job queue with live, resumable event streams. Start with: select * from jobstream.status;';
