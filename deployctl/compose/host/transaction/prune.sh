#!/bin/sh
# Part of transact.sh: what is removed afterwards.

# Tags that are no rollback target any more. Never by force: docker keeps what is in use.
prune_images() {
    [ "$keep" != all ] || return 0
    # Word splitting is wanted: a tag has no blank, and nothing that the shell would expand.
    # shellcheck disable=SC2013,SC2046
    for old in $(limited docker image ls --format '{{.Tag}}' "$kept_repository"); do
        case $old in
            *[!0-9A-Za-z_.-]*) continue ;;
            *) ;;
        esac
        case " $keep " in
            *" $old "*) ;;
            *) forget "$old" ;;
        esac
    done
}

forget() {
    limited docker image rm "$kept_repository:$1"
    used_by_others "$1" || limited docker image rm "${image%:*}:$1"
}

# Services may share a repository: what a container was made of, or another service keeps, stays
# under its name. What cannot be asked stays, too.
used_by_others() {
    users=$(limited docker ps -aq --filter "ancestor=${image%:*}:$1" &&
        limited docker image ls --format '{{.Repository}}' --filter "reference=${kept_repository%/*}/*:$1") || return 0
    [ -n "$users" ]
}

prune_files() {
    # The patterns are meant to match.
    # shellcheck disable=SC2086
    {
        [ "$keep" = all ] || keep_newest "$releases_kept" "$state/releases/$service"/$run_pattern.yml
        keep_newest "$runs_kept" "$state/runs"/$run_pattern
    }
}

# keep_newest COUNT PATH…: what else lies there is not of deployctl's making, and stays. No name is
# taken from a list that somebody printed.
# shellcheck disable=SC3013 # -ot: dash and BusyBox have it
keep_newest() {
    kept_count=$1
    shift
    while [ "$#" -gt "$kept_count" ]; do
        oldest=$1
        for path; do
            ! [ "$path" -ot "$oldest" ] || oldest=$path
        done
        rm -rf -- "$oldest"
        for path; do
            shift
            [ "$path" = "$oldest" ] || set -- "$@" "$path"
        done
    done
}
