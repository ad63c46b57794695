"""One controller a resource; handlers of a few lines, rules in the database or in `domain`."""
