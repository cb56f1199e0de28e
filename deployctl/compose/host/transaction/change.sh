#!/bin/sh
# Part of transact.sh: the change itself, detached from the client.

change() {
    began=$(uptime)
    reason=
    known_restarts=
    heeds_abort=yes
    cd "$directory" || return 1
    if ! { record_found && append started; }; then
        refuse_unrecorded
        return 1
    fi
    if release "$@" && keep_tag "$tag"; then
        succeed
    else
        show_what_failed
        put_back "$@"
    fi
    prune_files
}

succeed() {
    keep_configuration
    extra_fields=",\"serves\":\"$tag\"${aborted_by-}"
    settle succeeded
    allow_patience
    # Without this name, what was fetched is kept by the one that would be removed now.
    ! attempt limited docker tag "$image_id" "$kept_image" || prune_images
}

# Nothing was changed yet, and what cannot be recorded is not begun.
refuse_unrecorded() {
    event '{"event":"refused","what":"history"}'
    true >"$run_directory/outcome"
    dismiss_guardian
}

# Runs that an earlier command left without an outcome, and that nobody works on any more.
record_found() {
    [ -n "$found" ] || return 0
    while read -r fields; do
        append_line interrupted "$fields" || return 1
    done <<FOUND
$found
FOUND
}

release() {
    allow "$up_limit"
    next_step tag && point_tag &&
        start_dependencies "$@" &&
        next_step up && compose_up "$@" &&
        next_step health && wait_until_healthy "$image_id"
}

next_step() {
    if is_aborted; then
        fail aborted
    else
        step "$1"
    fi
}

point_tag() {
    attempt limited docker tag "$image_id" "$image" || fail tag-failed
}

compose_up() {
    allow "$up_limit"
    attempt up_once "$@" || fail up-failed
}

# Where Compose sees no change, it is told to recreate, but not what this run has made already.
up_once() {
    clear_leftovers || return 1
    if [ "$recreate" = yes ] && is_as_before; then
        set -- "$@" up -d --force-recreate
    else
        set -- "$@" up -d
    fi
    compose_up_service "$tag" "$@"
}

# Of those that run: leftovers are gone by now.
is_as_before() {
    found_now=$(service_containers) || return 1
    [ "$(printf '%s\n' "$found_now" | grep ' up$')" = "$(printf '%s\n' "$expect_containers" | grep ' up$')" ]
}

# compose_up_service TAG COMMAND…: nothing but the service is made anew. With --no-deps compose does
# not even look at what it needs, but leaves it out of the service's hash, too: the next plain `up`
# by hand would then recreate the service.
compose_up_service() {
    [ "$alone" = no ] || set -- "$@" --no-deps
    with_tag "$@" --no-build --pull never "$service"
}

with_tag() {
    tag_value=$1
    shift
    (umask 022 && exec timeout -k 10 "$(seconds_left)" env "$tag_variable=$tag_value" "$@")
}

# fail REASON: unless somebody aborts the run, or docker is not there; then that is the reason.
fail() {
    reason=$1
    if is_aborted; then
        reason=aborted
        event '{"event":"aborted"}'
    else
        docker_answers || reason=docker-away
    fi
    return 1
}

# What is put back already is not stopped half way.
is_aborted() {
    [ "${heeds_abort-no}" = yes ] && [ -e "$run_directory/abort" ]
}
