-- Four roles without login, to be granted to users. Roles belong to the whole server: another database may have made
-- them already.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['jobstream_read', 'jobstream_produce', 'jobstream_work', 'jobstream_operate'] loop
        if to_regrole(v_role) is null then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;
    if not pg_has_role('jobstream_operate', 'jobstream_produce', 'member') then
        grant jobstream_read, jobstream_produce, jobstream_work to jobstream_operate;
    end if;
end
$$;
