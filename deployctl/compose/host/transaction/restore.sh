#!/bin/sh
# Part of transact.sh: back to what ran before.

put_back() {
    failure=$reason
    if [ -z "$restore_image_id" ]; then
        settle broken
    elif [ "$touched" = no ] && still_runs && limited docker tag "$restore_image_id" "$restore_image"; then
        settle restored
    else
        step restore
        if restore "$@" || restore "$@"; then
            # The file still names what was there before; this is for one that named nothing.
            keep_tag "$restore_tag"
            reason=$failure
            settle restored
        else
            restore_failure=$reason
            reason=$failure
            event "{\"event\":\"restore-failed\",\"reason\":\"$restore_failure\"}"
            settle broken
        fi
    fi
}

# The failure came before the service was touched.
still_runs() {
    wanted=$restore_image_id
    look
    [ "$health_now" = ready ]
}

# Back to what ran, not merely to its tag. dockerd may still be stopping the old container for
# a compose that is gone, so only a container made from now on counts.
restore() {
    stop_service
    remove_leftovers
    # In one line, for is_stale.
    stale_ids=$(container_ids "$service" | tr '\n' ' ')
    limited docker tag "$restore_image_id" "$restore_image" || {
        fail tag-failed
        return 1
    }
    restore_up "$@" || {
        fail up-failed
        return 1
    }
    wait_until_healthy "$restore_image_id"
}

stop_service() {
    ids=$(container_ids "$service")
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$ids" ] || timeout -k 10 "$up_limit" docker stop $ids
}

# A recreate that was cut off leaves the new container under the name <12 hex digits>_NAME.
remove_leftovers() {
    inspect_service '{{.ID}} {{.Name}}' | while read -r id name; do
        # The pattern is meant to match.
        # shellcheck disable=SC2254
        case $name in
            /$hex4$hex4${hex4}_*) limited docker rm -f "$id" ;;
            *) ;;
        esac
    done
}

# With the release's own configuration where the compose files have changed since.
restore_up() {
    kept=$state/releases/$service/$restore_config.yml
    if [ -n "$restore_config" ] && [ -r "$kept" ]; then
        alone=yes
        set -- docker compose -p "$project" --project-directory "$(dirname "$4")" -f "$kept"
    fi
    compose_up_service "$restore_tag" "$@" up -d --force-recreate
}
