#!/bin/sh
# Changes what a service runs, as one transaction that ends in a recorded outcome.
#
# usage: transact.sh SCRIPT begin  OPTION… -- docker compose -f FILE…   start a run and follow it
#        transact.sh SCRIPT follow OPTION… --                           watch a run again
#        transact.sh SCRIPT abort  OPTION… --                           end a run that hangs, and watch it
#        transact.sh SCRIPT change …                                    internal: the detached part
#        transact.sh SCRIPT guard …                                     internal: its guardian
#
# SCRIPT is this very text: the detached part is started from it, so nothing is installed.
# Options are `--name value` pairs; read_options lists them. Times are centiseconds of
# /proc/uptime, which no clock change can move. Each line printed is an event, a JSON object.
#
# What can still refuse happens in the foreground, tied to the client. The change itself is
# detached and holds the lock's descriptor (9), so the lock dies with it and not before.
umask 077

patience=6000        # centiseconds for docker to answer before anything is begun, and once all is told
abort_patience=1500  # for a run to see that it is aborted, before it is killed
log_bytes=1048576    # what a run's log may hold
shown_bytes=16384    # of a failing container's own log
runs_kept=20         # directories in runs/
reserve_blocks=16    # of 4 KiB, freed when the disk is full
record_blocks=4      # of 4 KiB: what a run writes at least, its outcome included
restarts_tolerated=3 # a container that restarts this often will not become healthy

# What the names in runs/ and releases/ look like: the client makes them, and nothing else goes.
digit='[0-9]' hex='[0-9a-f]'
digits6=$digit$digit$digit$digit$digit$digit hex4=$hex$hex$hex$hex
run_pattern=$digit$digit${digits6}t${digits6}z-$hex4$hex4

main() {
    script=$1 verb=$2
    shift 2
    read_options "$@"
    run_directory=$state/runs/$run
    history=$state/history.jsonl
    case $verb in
        begin) begin "$@" ;;
        change)
            shift "$option_words"
            change "$@"
            ;;
        guard)
            shift "$option_words"
            guard "$@"
            ;;
        follow) follow_run ;;
        abort) abort ;;
        *) return 2 ;;
    esac
}

read_options() {
    option_words=1 run=
    while [ "$1" != -- ]; do
        case $1 in
            --directory) directory=$2 ;;                 # where docker compose is called
            --state) state=$2 ;;                         # deployctl's own files
            --run) run=$2 ;;                             # id of the run, made by the client
            --holder) holder=$2 ;;                       # JSON: who holds the lock, for others to read
            --wait) wait=$2 ;;                           # seconds to wait for the lock
            --expect-history) expect_history=$2 ;;       # size of the history that was decided on
            --expect-files) expect_files=$2 ;;           # hash of the resolved configuration
            --expect-containers) expect_containers=$2 ;; # "ID IMAGE up|down" lines, sorted
            --ignore-hold) ignore_hold=$2 ;;             # yes: a rollback is allowed under a hold
            --project) project=$2 ;;
            --service) service=$2 ;;
            --replicas) replicas=$2 ;;                     # containers that the service should have
            --dependencies) dependencies=$2 ;;             # "NAME:NEED:CONDITION" words, in their order
            --looked-at) looked_at=$2 ;;                   # names of the services that Compose looks at, too
            --completion-timeout) completion_timeout=$2 ;; # centiseconds that a one-shot has
            --tag-variable) tag_variable=$2 ;;
            --placeholder) placeholder=$2 ;; # the tag in the hashed configuration
            --tag) tag=$2 ;;
            --image) image=$2 ;;                       # REPOSITORY:TAG in the compose files
            --image-id) image_id=$2 ;;                 # the verified content
            --kept-image) kept_image=$2 ;;             # our own name for it
            --unchanged) unchanged=$2 ;;               # yes: it runs already, which is all that is recorded
            --recreate) recreate=$2 ;;                 # yes: also when compose sees no change
            --alone) alone=$2 ;;                       # yes: compose shall not look at what the service needs
            --env-file) env_file=$2 ;;                 # the project's .env, to keep the tag in; empty: nowhere
            --up-limit) up_limit=$2 ;;                 # centiseconds for one `docker compose up`, and for docker to be back
            --stop-grace) stop_grace=$2 ;;             # seconds that the service's containers may take to stop
            --health-timeout) health_timeout=$2 ;;     # centiseconds, as the next two
            --stable-checked) stable_checked=$2 ;;     # to stay up, with a health check
            --stable-unchecked) stable_unchecked=$2 ;; # and without one
            --seq) seq=$2 ;;                           # number of the next history line
            --found) found=$2 ;;                       # JSON fields of runs found interrupted, by line
            --record) record=$2 ;;                     # JSON fields of this run's history lines
            --served-well) served_well=$2 ;;           # yes: one release ran well when it was decided
            --restore-tag) restore_tag=$2 ;;
            --restore-image) restore_image=$2 ;;
            --restore-image-id) restore_image_id=$2 ;; # empty: there is nothing to go back to
            --restore-config) restore_config=$2 ;;     # run whose kept configuration is used; may be empty
            --kept-repository) kept_repository=$2 ;;   # our own names for the service's images
            --outdated-kept) outdated_kept=$2 ;;       # tags of those that are removed after a success
            --outdated-tags) outdated_tags=$2 ;;       # of the service's repository, unless they are used
            --configurations) configurations=$2 ;;     # runs with a kept one, the newest first
            --releases-kept) releases_kept=$2 ;;       # configurations; 0: all
            --guardian) guardian=$2 ;;                 # change: its process
            --cancel) cancel=$2 ;;                     # follow: yes: a run not begun never will
            --aborted) aborted=$2 ;;                   # abort: JSON fields: who asked for it
            --watch) watch=$2 ;;                       # follow: no: only say how it stands
            *)
                echo "transact.sh: unknown option $1" >&2
                exit 2
                ;;
        esac
        shift 2
        option_words=$((option_words + 2))
    done
}

main "$@"
