create schema jobstream;

comment on schema jobstream is
'Job queue with live, resumable event streams. Start with: select * from jobstream.status;';
