#!/bin/sh
# Stands in the way of a command on the VPS: writes down each call, and stops the first that a
# test waits for, before or after its work, until the test lets it go on.
#
#   /tmp/gate/calls    each call, a line
#   /tmp/gate/before   a pattern: the first call that matches stops before its work
#   /tmp/gate/after    the same, after its work
#   /tmp/gate/passed   how many matching calls go by first, a character for each
#   /tmp/gate/pid      made by the call that stopped
#   /tmp/gate/open     lets it go on
#   /tmp/gate/slow     seconds that each call of docker takes longer
name=${0##*/}
real=/usr/bin/$name
line="$name $*"

matches() {
  read -r pattern <"/tmp/gate/$1" || return 1
  # The pattern is meant to match.
  # shellcheck disable=SC2254
  case $line in
  $pattern) ;;
  *) return 1 ;;
  esac
}

stop() {
  (
    flock 7
    [ ! -e /tmp/gate/pid ] || exit 1
    passed=$(cat /tmp/gate/passed)
    [ -z "$passed" ] || {
      printf '%s' "${passed#?}" >/tmp/gate/passed
      exit 1
    }
    echo "$$" >/tmp/gate/pid
  ) 7>>/tmp/gate/turn || return 0
  until [ -e /tmp/gate/open ]; do /usr/bin/sleep 0.02; done
}

[ -d /tmp/gate ] || exec "$real" "$@"
printf '%s\n' "${line%%
*}" >>/tmp/gate/calls
if [ "$name" = docker ] && [ -e /tmp/gate/slow ]; then /usr/bin/sleep "$(/usr/bin/cat /tmp/gate/slow)"; fi
if [ -e /tmp/gate/before ] && matches before; then
  stop
elif [ -e /tmp/gate/after ] && matches after; then
  "$real" "$@"
  status=$?
  stop
  exit "$status"
fi
exec "$real" "$@"
