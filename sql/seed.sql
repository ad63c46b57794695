-- The first days of events.
select jobstream.keep_event_days();
