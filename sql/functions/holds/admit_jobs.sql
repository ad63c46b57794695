-- Makes the next jobs of a concurrency key pending, by priority, then id, as many as the key has room for; where it has
-- none, make_way(). A slot is a pending or running job. Counting is exact under the key's advisory lock, because whatever
-- enters the set does so here; what leaves it calls here afterwards. Holders, thousands maybe, are not counted where
-- nobody wants the key, but for p_recount: its limit may have been lowered.
-- Rows that others have locked are passed over: whoever holds them looks again. At most 500 are moved; more is noted.
-- False: somebody else is at work on the key; call again after the commit.
create function jobstream.admit_jobs(p_queue text, p_key text, p_recount boolean default false)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_most constant integer := 500;
    v_now pg_catalog.timestamptz := jobstream.clock();
    v_limit bigint := coalesce((select q.key_limit from jobstream.queues as q where q.name = p_queue), 1);
    v_room bigint;
    v_moved integer;
begin
    -- One of 4096 locks, so that a statement on many keys cannot run the lock table out of memory.
    if not pg_try_advisory_xact_lock(1785688949, hashtext(p_queue || chr(31) || p_key) & 4095) then
        return false;
    elsif not p_recount and not exists (
        select from jobstream.jobs as k
        where k.queue = p_queue and k.concurrency_key = p_key and k.hold in ('key', 'settling')
    ) then
        return true;
    end if;
    select v_limit - count(*)
    into v_room
    from (
        select from jobstream.jobs as j
        where j.queue = p_queue and j.concurrency_key = p_key and j.status in ('pending', 'running')
        limit v_limit + v_most
    ) as holders;

    if v_room > 0 then
        update jobstream.jobs as j
        set revision = j.revision + 1, status = 'pending', hold = null, look_at = null
        where j.ctid = any (array(
            select k.ctid
            from jobstream.jobs as k
            where k.queue = p_queue and k.concurrency_key = p_key
                and k.hold in ('key', 'settling')
                and (k.hold = 'key' or jobstream.is_free(k.id, k.scheduled_at, v_now))
            order by k.priority, k.id
            limit least(v_room, v_most)
            for update skip locked
        ));
        get diagnostics v_moved = row_count;
    else
        v_moved := jobstream.make_way(p_queue, p_key, v_room, v_most);
    end if;
    if v_moved = v_most then
        insert into jobstream.leftovers (queue, concurrency_key) values (p_queue, p_key);
    end if;
    return true;
end
$$;

comment on function jobstream.admit_jobs(text, text, boolean) is
'Makes the next jobs of a concurrency key pending; false: somebody else is at work on it.';
