-- The first days of events.
do $$ begin perform jobstream.keep_event_days(); end $$;
