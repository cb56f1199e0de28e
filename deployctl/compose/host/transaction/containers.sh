#!/bin/sh
# Part of transact.sh: which containers a service has, and how they are.

# container_ids SERVICE FILTER…
container_ids() {
    ask list_containers "$@"
}

list_containers() {
    of_service=$1
    shift
    limited docker ps -aq --no-trunc \
        --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$of_service" \
        --filter label=com.docker.compose.oneoff=False "$@"
}

# inspect_service SERVICE FORMAT: a line for each of its containers.
inspect_service() {
    ids=$(container_ids "$1") || return 1
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$ids" ] || ask limited docker inspect --type container --format "$2" $ids
}

service_containers() {
    listed=$(inspect_service "$service" '{{.ID}} {{.Image}} {{if .State.Paused}}down{{else if or .State.Running .State.Restarting}}up{{else}}down{{end}}') || return 1
    printf '%s\n' "$listed" | sort
}

# remove_leftovers SERVICE: a recreate that was cut off, by a power cut say, leaves a new container that
# never started. The next `up` takes it for the service, and removes the one that serves. Told by what
# it is, never by its name, and without force: docker removes nothing that runs. Where Compose was killed,
# docker may start one yet: then it is none.
remove_leftovers() {
    find_leftovers "$1" || return 1
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$leftovers" ] || limited docker rm $leftovers || {
        find_leftovers "$1" && [ -z "$leftovers" ]
    }
}

find_leftovers() {
    leftovers=$(container_ids "$1" --filter status=created --filter label=com.docker.compose.replace)
}

# Of all that an `up` of this run looks at: with a leftover that stays, it would remove what serves.
clear_leftovers() {
    for each in "$service" $looked_at; do
        remove_leftovers "$each" || return 1
    done
}
