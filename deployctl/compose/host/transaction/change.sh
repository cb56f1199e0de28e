#!/bin/sh
# Part of transact.sh: the change itself, detached from the client.

change() {
    began=$(uptime)
    reason=
    touched=no
    stale_ids=
    cd "$directory" || return 1
    if ! { record_found && append started; }; then
        refuse_unrecorded
        return 1
    fi
    if release "$@" && keep_tag "$tag"; then
        keep_configuration
        settle succeeded
        limited docker tag "$image_id" "$kept_image"
        prune_images
    else
        show_what_failed
        put_back "$@"
    fi
    prune_files
}

# Nothing was changed yet, and what cannot be recorded is not begun.
refuse_unrecorded() {
    event '{"event":"refused","what":"history"}'
    : >"$run_directory/outcome"
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
    step tag && point_tag &&
        start_dependencies "$@" &&
        step up && compose_up "$@" &&
        step health && wait_until_healthy "$image_id"
}

point_tag() {
    limited docker tag "$image_id" "$image" || fail tag-failed
}

# Only services that are not on the host: those that are there are never touched.
start_dependencies() {
    [ -z "$dependencies" ] || step dependencies
    for dependency in $dependencies; do
        with_tag "$tag" "$@" up -d --no-recreate --no-build "$dependency" || {
            fail dependency-failed
            return 1
        }
        wait_for_dependency "$dependency" || {
            fail dependency-unhealthy
            return 1
        }
    done
}

compose_up() {
    remove_half_made
    touched=yes
    if [ "$recreate" = yes ]; then
        set -- "$@" up -d --force-recreate
    else
        set -- "$@" up -d
    fi
    compose_up_service "$tag" "$@" || fail up-failed
}

# A recreate that was cut off, by a power cut say, leaves a new container that never started: the
# next one fails on its name, or takes it for the service. Told by what it is, not by its name,
# and without force: docker removes nothing that runs.
remove_half_made() {
    case $expect_containers in
        *" down"*) ;;
        *) return 0 ;;
    esac
    half_made=$(container_ids "$service" --filter status=created --filter label=com.docker.compose.replace)
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$half_made" ] || limited docker rm $half_made
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
    (umask 022 && exec timeout -k 10 "$up_limit" env "$tag_variable=$tag_value" "$@")
}

fail() {
    reason=$1
    return 1
}
