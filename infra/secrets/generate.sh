#!/bin/sh
# Makes the secrets that are missing under DIR, each in the folder of who reads it, and never
# overwrites one. Needs a POSIX shell and coreutils, so that it runs in any of the images too.
#
#   generate.sh DIR [FILE_MODE]     FILE_MODE is 0600 (processes of one user) or 0444 (containers,
#                                   whose users differ; then DIR itself, 0700, keeps others out)
set -eu
umask 077

refuse() { printf 'secrets: %s\n' "$1" >&2; exit 1; }

dir=${1:?usage: generate.sh DIR [FILE_MODE]}
mode=${2:-0600}
mkdir -p "$dir" 2>/dev/null || refuse "$dir cannot be made"
[ -w "$dir" ] || refuse "$dir cannot be written to"
chmod 0700 "$dir"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
key() { head -c 32 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' | tr -d '='; }

# put FILE TEXT: a new file appears whole or not at all
put() {
  mkdir -p "$dir/$(dirname "$1")"
  printf '%s\n' "$2" >"$dir/$1.part"
  chmod "$mode" "$dir/$1.part"
  mv "$dir/$1.part" "$dir/$1"
}
# share FILE MAKER [COPY ...]: one secret, a copy for each who needs it
share() {
  first=$1 maker=$2
  [ -s "$dir/$first" ] || put "$first" "$($maker)"
  shift 2
  for copy in "$@"; do
    [ -s "$dir/$copy" ] || put "$copy" "$(cat "$dir/$first")"
  done
}
# acl FILE USER PASSWORD_FILE RULES: a Redis ACL file that holds the password's digest only.
# Nobody can be the user default, but Redis 8 loads its append-only file under that user's permissions:
# without any, it drops each transaction in the file, and with them the sessions.
acl() {
  [ -s "$dir/$1" ] && return
  digest=$(printf '%s' "$(cat "$dir/$3")" | sha256sum | cut -d ' ' -f 1)
  put "$1" "user default off resetpass allkeys allchannels allcommands
user $2 on #$digest $4
user health on nopass resetkeys resetchannels -@all +ping"
}

# also FILE USER PASSWORD_FILE RULES: one more user in such a file, an older one included
also() {
  ! grep -q "^user $2 " "$dir/$1" || return 0
  digest=$(printf '%s' "$(cat "$dir/$3")" | sha256sum | cut -d ' ' -f 1)
  put "$1" "$(cat "$dir/$1")
user $2 on #$digest $4"
}

# This one comes first, so that without it there is none of the others either, but for a file that was lost.
# auth's signing keys are encrypted under it, and another one could not read them.
[ -s "$dir/auth/key_encryption_key" ] || [ ! -e "$dir/postgres/superuser_password" ] || refuse \
  "$dir/auth/key_encryption_key is gone, and nothing else reads the signing keys: put it back from where you keep the secrets. \
To begin anew, without any data, move $dir and the data away."
share auth/key_encryption_key key
share postgres/superuser_password random
share postgres/auth_owner_password random auth-migrate/database_password
share postgres/auth_app_password random auth/database_password
share postgres/expenses_owner_password random expenses-migrate/database_password
share postgres/expenses_app_password random expenses/database_password
share auth/redis_password random
share redis-sessions/backup_password random
share expenses/cache_password random
share expenses/cursor_key key

safe='resetchannels -@all +@read +@write +@transaction +@connection -@dangerous'
acl redis-sessions/users.acl auth auth/redis_password \
  "resetkeys ~session:* ~user_sessions:* ~throttle:* $safe +eval +evalsha +script|load"
# What a replica needs, and so what a backup does: it asks for a snapshot of everything, and changes nothing.
also redis-sessions/users.acl backup redis-sessions/backup_password \
  "resetkeys resetchannels -@all +ping +replconf +sync +psync"
acl redis-cache/users.acl expenses expenses/cache_password "resetkeys ~reply:* $safe"

for folder in "$dir"/*/; do
  case $mode in 0600) chmod 0700 "$folder" ;; *) chmod 0755 "$folder" ;; esac
done
