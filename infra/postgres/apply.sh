#!/bin/sh
# Applies roles.sql. The secrets' folder holds superuser_password and a *_password for each role; the
# usual PGHOST, PGPORT and PGUSER say where. No password is on a command line, where others could
# read it: psql gets them on its standard input.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
secrets=${1:?usage: apply.sh FOLDER_OF_POSTGRES_SECRETS}

PGPASSWORD=$(cat "$secrets/superuser_password")
export PGPASSWORD
{
  for role in auth_owner auth_app expenses_owner expenses_app; do
    printf "\\\\set %s_password '%s'\n" "$role" "$(cat "$secrets/${role}_password")"
  done
  cat "$here/roles.sql"
} | "${PSQL:-psql}" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres --file - || {
  status=$?
  # 2: no session (psql's manual). The usual cause after the server's health check was passed:
  [ "$status" -ne 2 ] || echo "databases: Postgres does not let the superuser in with the password of" \
    "this folder's secrets. Were they made anew for older data? Bring the old ones back, or delete the data." >&2
  exit "$status"
}
