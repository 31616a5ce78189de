#!/usr/bin/env bash
# A migration that nobody else may run at the same time, on however many machines it is started.
#
#   COUNTERSIGN_URL=… COUNTERSIGN_TOKEN=… examples/migrate-under-lock.sh migrations/*.sql
#
# The lock is kept alive while the migration runs. If it is lost (the network is cut, an admin takes it away) the migration is
# killed before somebody else can begin; what it ended with is what this script ends with.
set -euo pipefail
: "${1:?usage: $0 FILE.sql…}"
: "${DATABASE:=prod/orders}" "${COUNTERSIGN:=npx countersign}"

# shellcheck disable=SC2016,SC2086 # expanded inside, where the fencing token is known
exec $COUNTERSIGN lock run "database:$DATABASE" --wait 60 --ttl 30 --purpose "migrate $DATABASE" -- bash -euc '
  for file in "$@"; do
    # Hand the token to what is written to: it refuses a lower one than it has seen.
    echo "applying $file with fencing token $COUNTERSIGN_FENCING_TOKEN"
    ${APPLY:-cat} "$file"
  done
' migrate "$@"
