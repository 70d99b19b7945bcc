"""Sessions: begun by a login, kept by rotating refresh tokens, ended for good in Postgres."""
