"""What must not be undone: the sessions that are dead, in Postgres."""
