"""Ready replies in the service's own Redis, served only under a version that Postgres confirmed."""
