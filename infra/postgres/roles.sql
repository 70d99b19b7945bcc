-- Two databases, and for each an owner (migrations) and an app role (DML only). Run by a superuser at
-- each start, by both ways to run; changes nothing that is as it should be. psql variables:
-- auth_owner_password, auth_app_password, expenses_owner_password, expenses_app_password.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET log_min_error_statement = panic; -- the passwords below, should one of these statements fail

-- The server's log names an error and its constraint, and quotes no row, statement or parameter: details
-- such as "Key (email)=(…) already exists" hold what people wrote.
ALTER SYSTEM SET log_error_verbosity = terse;
ALTER SYSTEM SET log_min_error_statement = panic;
ALTER SYSTEM SET log_statement = none;
ALTER SYSTEM SET log_min_duration_statement = -1;
ALTER SYSTEM SET log_parameter_max_length = 0;
ALTER SYSTEM SET log_parameter_max_length_on_error = 0;
SELECT pg_reload_conf() \gset

SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['auth_owner', 'auth_app', 'expenses_owner', 'expenses_app']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

ALTER ROLE auth_owner PASSWORD :'auth_owner_password';
ALTER ROLE auth_app PASSWORD :'auth_app_password';
ALTER ROLE expenses_owner PASSWORD :'expenses_owner_password';
ALTER ROLE expenses_app PASSWORD :'expenses_app_password';

-- What arrived, of a restore that was killed. What had to leave is kept until the next restore: it may be the
-- only copy of the data of before.
DROP DATABASE IF EXISTS auth_arriving WITH (FORCE);
DROP DATABASE IF EXISTS expenses_arriving WITH (FORCE);

SELECT format('CREATE DATABASE %I', name)
FROM unnest(ARRAY['auth', 'expenses']) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

REVOKE ALL ON DATABASE postgres, template1, auth, expenses FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE auth TO auth_owner, auth_app;
GRANT CONNECT, TEMPORARY ON DATABASE expenses TO expenses_owner, expenses_app;

-- Time-outs: a query, a wait for a lock, a transaction that does nothing.
SELECT format('ALTER ROLE %I SET search_path = %I', service || kind, service)
FROM unnest(ARRAY['auth', 'expenses']) AS service, unnest(ARRAY['_owner', '_app']) AS kind \gexec
SELECT format('ALTER ROLE %I SET %s', service || '_app', setting)
FROM unnest(ARRAY['auth', 'expenses']) AS service, unnest(ARRAY[
  'statement_timeout = ''5s''', 'lock_timeout = ''2s''',
  'idle_in_transaction_session_timeout = ''10s''']) AS setting \gexec

\connect auth
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS auth AUTHORIZATION auth_owner;
GRANT USAGE ON SCHEMA auth TO auth_app;
ALTER DEFAULT PRIVILEGES FOR ROLE auth_owner IN SCHEMA auth
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO auth_app;

\connect expenses
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS expenses AUTHORIZATION expenses_owner;
GRANT USAGE ON SCHEMA expenses TO expenses_app;
ALTER DEFAULT PRIVILEGES FOR ROLE expenses_owner IN SCHEMA expenses
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO expenses_app;
