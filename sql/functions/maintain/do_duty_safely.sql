-- The same, row by row where the batch fails: one bad row never blocks the rest.
create function jobstream.do_duty_safely(p_duty text, p_ids text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_id pg_catalog.text;
    v_message pg_catalog.text;
begin
    if p_ids = '{}' then
        return;
    end if;
    begin
        perform jobstream.do_duty(p_duty, p_ids);
        return;
    exception
        when others then
            null;
    end;
    foreach v_id in array p_ids loop
        begin
            perform jobstream.do_duty(p_duty, array[v_id]);
        exception
            when others then
                get stacked diagnostics v_message = message_text;
                raise warning 'jobstream: % of job % failed: %', p_duty, v_id, v_message;
        end;
    end loop;
end
$$;

comment on function jobstream.do_duty_safely(text, text[]) is
'One duty for some jobs: together, or one by one where that fails.';
