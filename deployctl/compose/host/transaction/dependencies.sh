#!/bin/sh
# Part of transact.sh: what the service needs, before it is touched itself.

start_dependencies() {
    [ -z "$dependencies" ] || next_step dependencies || return 1
    for first in $dependencies; do
        dependency=${first%%:*} condition=${first##*:} need=${first#*:}
        touch_dependency "${need%:*}" "$@" && wait_for_dependency || return 1
    done
}

# touch_dependency NEED COMMAND…: those that are there are never touched, but for one-shots, which run
# for each release.
touch_dependency() {
    need=$1
    shift
    case $need in
        start) set -- "$@" up -d --no-recreate ;;
        start-alone) set -- "$@" up -d --no-recreate --no-deps ;;
        run)
            wait_for_earlier_run && run_one_shot "$@"
            return
            ;;
        *) return 0 ;;
    esac
    allow "$up_limit"
    attempt start_dependency "$@" || fail dependency-failed
}

start_dependency() {
    clear_leftovers && with_tag "$tag" "$@" --no-build "$dependency"
}

# A migration of an earlier release that still runs is never cut off.
wait_for_earlier_run() {
    be_patient
    until running=$(container_ids "$dependency" --filter status=running --filter status=restarting) &&
        [ -z "$running" ]; do
        is_too_late && {
            fail_dependency
            return
        }
        sleep 0.2
    done
}

# What failed half way may have run already, and a migration is not run twice: it is tried again only
# where nothing has started, as far as docker tells; what it does not tell of may have.
run_one_shot() {
    allow "$up_limit"
    { attempt remove_leftovers "$dependency" && starts_before=$(starts_of_one_shot) &&
        attempt start_one_shot "$@"; } || fail dependency-failed
}

start_one_shot() {
    remove_leftovers "$dependency" && starts_now=$(starts_of_one_shot) &&
        [ "$starts_now" = "$starts_before" ] &&
        with_tag "$tag" "$@" up -d --no-deps --pull missing --no-build "$dependency"
}

starts_of_one_shot() {
    inspect_service "$dependency" '{{.ID}} {{.State.StartedAt}}'
}

wait_for_dependency() {
    be_patient
    while :; do
        look_at_dependency
        case $dependency_now in
            ready) return 0 ;;
            waiting) is_too_late || { sleep 0.2 && continue; } ;;
            *) ;;
        esac
        fail_dependency
        return
    done
}

# Sets dependency_now to ready, waiting or failed, from one look at all of its containers.
look_at_dependency() {
    dependency_now=waiting
    ids=$(container_ids "$dependency") && [ -n "$ids" ] || return 0
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    states=$(limited docker inspect --type container --format \
        '{{.State.Status}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' $ids) || return 0
    dependency_now=ready
    while read -r status exit_code health; do
        judge_dependency
    done <<STATES
$states
STATES
}

# A one-shot that has failed will not end well any more; whatever else is not well yet may get so.
judge_dependency() {
    case $condition/$status/$exit_code/$health in
        service_completed_successfully/exited/0/*) ;;
        service_completed_successfully/exited/* | service_completed_successfully/dead/*) dependency_now=failed ;;
        service_healthy/running/*/healthy | service_healthy/running/*/none) ;;
        service_started/running/* | service_started/exited/0/*) ;;
        *) [ "$dependency_now" = failed ] || dependency_now=waiting ;;
    esac
}

be_patient() {
    case $condition in
        service_completed_successfully) allow "$completion_timeout" ;;
        *) allow "$health_timeout" ;;
    esac
}

fail_dependency() {
    case $condition in
        service_completed_successfully)
            fail dependency-incomplete
            show_container "$(container_ids "$dependency" | head -n 1)"
            ;;
        *)
            say_too_late
            fail dependency-unhealthy
            ;;
    esac
    return 1
}
