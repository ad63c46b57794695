create function jobstream.new_id()
returns text
language sql
volatile
as $$
    select jobstream.id_time(jobstream.clock()) || jobstream.id_tail()
$$;

comment on function jobstream.new_id() is
'A new ULID: 26 upper-case characters that rise with time. Ids are made here and nowhere else.';
