-- Raises one of our own errors. Returns text so that an expression can end in a refusal.
-- Codes: JS400 bad argument, JS404 no such job, JS409 not in this state, JS410 lease lost, JS422 key used with another
-- body, JS423 key busy.
create function jobstream.refuse(p_code text, p_message text, p_detail jsonb default null)
returns text
language plpgsql
volatile
set search_path = ''
as $$
begin
    raise exception using
        errcode = p_code,
        message = p_message,
        detail = coalesce(p_detail::pg_catalog.text, '');
end
$$;

comment on function jobstream.refuse(text, text, jsonb) is
'Raises an error with one of the codes JS400 to JS423; detail is JSON for programs.';
