#!/bin/sh
# Part of transact.sh: which containers a service has, and how they are.

# container_ids SERVICE FILTER…
container_ids() {
    of_service=$1
    shift
    limited docker ps -aq --no-trunc \
        --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$of_service" \
        --filter label=com.docker.compose.oneoff=False "$@"
}

# inspect_service FORMAT: a line for each of the service's containers.
inspect_service() {
    ids=$(container_ids "$service") || return 1
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$ids" ] || limited docker inspect --type container --format "$1" $ids
}

service_state() {
    inspect_service '{{.ID}} {{.Image}} {{.State.Status}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.StartedAt}}'
}

service_containers() {
    inspect_service '{{.ID}} {{.Image}} {{if .State.Paused}}down{{else if or .State.Running .State.Restarting}}up{{else}}down{{end}}' | sort
}
