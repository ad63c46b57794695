"""Event streams over HTTP: server-sent events that resume exactly, and the same as JSON pages (contract §3)."""
