#!/bin/sh
# Says what only `deployctl check` wants to know about a host. Changes nothing.
#
# usage: check.sh STATE_DIRECTORY KEPT_REPOSITORY...
#
#   KEPT_REPOSITORY  one of our own names for the service's images, whose sizes are asked for
#
# The lines printed are facts, as in probe.sh.

main() {
    state=$1
    shift
    emit docker limited docker version --format '{{.Server.Version}}'
    emit compose limited docker compose version --short
    emit image-sizes image_sizes "$@"
    emit image-disk image_disk
    emit state-disk state_disk
    emit reserve reserve
    emit open show_open
    emit blocked blocked_lock
}

image_sizes() {
    for repository; do
        set -- "$@" --filter "reference=$repository"
        shift
    done
    ids=$(limited docker image ls -q --no-trunc "$@") || return
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$ids" ] || limited docker image inspect --format '{{.Size}}' $ids
}

image_disk() {
    root=$(limited docker info --format '{{.DockerRootDir}}') && df -Pk "$root"
}

# A first run makes what is not there yet.
state_disk() {
    df -Pk "$(nearest_directory "$state")"
}

# What transact.sh has set aside there for the outcome, in bytes; nothing: it is used up, or was
# never made.
reserve() {
    [ ! -s "$state/reserve" ] || wc -c <"$state/reserve"
}

# Also a lock that is only shared keeps a run from taking it. Other probes and this one hold it for
# an instant; what is no run and holds it longer is named, and makes this fail.
blocked_lock() {
    [ -r "$state/lock" ] || return 0
    attempts=0
    until (flock -n 6) 6<"$state/lock"; do
        ! is_held_by_a_run || return 0
        attempts=$((attempts + 1))
        if [ "$attempts" -ge 5 ]; then
            show_who_locks "$state/lock"
            return 1
        fi
        sleep 0.1
    done
}

main "$@"
