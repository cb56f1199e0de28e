#!/bin/sh
# Part of transact.sh: what is removed afterwards.

# What is no rollback target any more. Only what the client knew before the run: what others fetch
# meanwhile has other names. Never by force: docker keeps what is in use.
prune_images() {
    for old in $outdated_kept; do
        limited docker image rm "$kept_repository:$old"
    done
    for old in $outdated_tags; do
        used_by_others "$old" || limited docker image rm "${image%:*}:$old"
    done
}

# Services and projects may share a repository: what a container was made of, or another one keeps
# or has fetched, stays under its name. What cannot be asked stays, too.
used_by_others() {
    users=$(limited docker ps -aq --filter "ancestor=${image%:*}:$1" &&
        limited docker image ls --format '{{.Repository}}' \
            --filter "reference=deployctl/*:$1" --filter "reference=deployctl/*/*:$1*") || return 0
    [ -n "$users" ]
}

prune_files() {
    [ "$releases_kept" = 0 ] || prune_configurations
    prune_runs
}

# What stays is this run's and the newest that the client names: it knows the history's order, which
# neither the clock of this host tells nor those of the clients, which made the ids.
prune_configurations() {
    stay=
    staying=0
    # Word splitting is wanted: a run's id has no blank.
    for of_run in "$run" $configurations; do
        if [ "$staying" -lt "$releases_kept" ] && [ -e "$state/releases/$service/$of_run.yml" ]; then
            stay="$stay $of_run" staying=$((staying + 1))
        fi
    done
    # The pattern is meant to match.
    # shellcheck disable=SC2231
    for path in "$state/releases/$service"/$run_pattern.yml; do
        of_run=${path##*/}
        case "$stay " in
            *" ${of_run%.yml} "*) ;;
            *) rm -f -- "$path" ;;
        esac
    done
}

# Never this run's own. No other goes on: the lock is held. A disk that failed may have left half of
# an outcome.
prune_runs() {
    set --
    # The pattern is meant to match.
    # shellcheck disable=SC2231
    for path in "$state/runs"/$run_pattern; do
        [ ! -e "$path/outcome.new" ] || rm -f -- "$path/outcome.new"
        [ "$path" = "$run_directory" ] || set -- "$@" "$path"
    done
    keep_newest "$((runs_kept - 1))" "$@"
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
