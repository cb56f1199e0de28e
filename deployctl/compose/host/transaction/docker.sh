#!/bin/sh
# Part of transact.sh: how a run calls docker. That docker is away for a while decides nothing: it is
# waited for, as long as what the run is doing may take. Whether it is away is seen, not read from
# anybody's words: a call failed, and docker does not say its version.

# allow CENTISECONDS: how long what comes next may take, with all waiting for docker.
allow() {
    deadline=$(($(uptime) + $1))
    away_told=no
}

# For what is done before or after the change itself.
allow_patience() {
    allow "$((up_limit < patience ? up_limit : patience))"
}

# Never so few that a call is cut off before it could end.
seconds_left() {
    left=$(((deadline - $(uptime)) / 100))
    [ "$left" -gt "$((stop_grace + 10))" ] || left=$((stop_grace + 10))
    echo "$left"
}

docker_answers() {
    timeout -k 1 5 docker version --format '{{.Server.Version}}' >/dev/null 2>&1 8>&- 9>&-
}

# Docker's own time of day. While it is away, `docker info` says nothing, and that with exit status 0.
docker_time() {
    limited docker info --format '{{.SystemTime}}' | grep .
}

wait_for_docker() {
    until is_too_late; do
        ! docker_answers || return 0
        tell_away
        sleep 0.2
    done
    return 1
}

# Whoever waits has no time left, or is not to wait any longer.
is_too_late() {
    is_aborted || [ "$(uptime)" -ge "$deadline" ]
}

tell_away() {
    [ "$away_told" = yes ] || event '{"event":"docker-away"}'
    away_told=yes
}

# attempt COMMAND…: what changes something and may be done twice. Only what fails again, with docker
# there before and after, was refused.
attempt() {
    docker_was_there=no
    until "$@"; do
        if [ "$docker_was_there" = yes ] && docker_answers; then
            return 1
        fi
        wait_for_docker || return 1
        docker_was_there=yes
    done
}

# ask COMMAND…: prints the answer of a command that changes nothing, whole or not at all.
ask() {
    attempt answer_of "$@" || return 1
    [ -z "$answer" ] || printf '%s\n' "$answer"
}

answer_of() {
    answer=$("$@")
}
