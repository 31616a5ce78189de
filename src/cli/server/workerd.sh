#!/bin/sh
# Runs workerd ($COUNTERSIGN_WORKERD) for the server that owns $COUNTERSIGN_STATE: with all the files it may open, deaf to the
# terminal (the server ends it in good order), and never longer than the server lives.

[ -n "$COUNTERSIGN_STOPPING" ] && exit 1 # an exit while stopping is no crash to recover from

ulimit -n "$(ulimit -Hn)" 2>/dev/null # some systems refuse "unlimited": then as many as they gave
trap '' INT HUP
echo $$ >"$COUNTERSIGN_STATE/workerd.pid"

if setpriv --pdeathsig KILL true 2>/dev/null; then
  exec setpriv --pdeathsig KILL "$COUNTERSIGN_WORKERD" "$@"
fi

# Elsewhere: descriptor 3 is a socket whose other end only the server holds, so its end is the server's.
sh -c 'cat <&3; [ "$(ps -o ppid= -p $$ | tr -d " ")" = "$0" ] && kill -9 "$0"' $$ </dev/null >/dev/null 2>&1 &
exec "$COUNTERSIGN_WORKERD" "$@"
