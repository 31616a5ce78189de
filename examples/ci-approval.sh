#!/usr/bin/env bash
# A step of a pipeline that goes on only once people agreed to it.
#
#   COUNTERSIGN_URL=… COUNTERSIGN_TOKEN=… examples/ci-approval.sh change.json
#
# Ends with 0 if it was approved, 7 if people said no or asked for changes, 8 if nobody decided in time.
set -euo pipefail
: "${1:?usage: $0 CHANGE.json}"
: "${COUNTERSIGN:=npx countersign}" "${APPROVAL_TIMEOUT:=3600}"

# shellcheck disable=SC2086 # it may be a command with arguments
task=$($COUNTERSIGN task create --file "$1" --submit --json | sed -n 's/^  "id": "\(.*\)",$/\1/p')
echo "waiting for approval of $task"
$COUNTERSIGN task watch "$task" --until decided --timeout "$APPROVAL_TIMEOUT"
