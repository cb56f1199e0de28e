#!/bin/sh
# Part of transact.sh: waiting until the containers are well.

state_format='{{.ID}} {{.Image}} {{.State.Status}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.StartedAt}}'

# Polls instead of `up --wait`, which looks twice a second only and takes a crash loop for running.
# Where docker is away, it is asked again: nothing is known to be wrong then.
wait_until_healthy() {
    wanted=$1
    allow "$health_timeout"
    watched=
    seen=
    while :; do
        look
        case $health_now in
            ready)
                if stayed_up; then
                    event "{\"event\":\"well\",\"what\":\"$health_known\"}"
                    return 0
                fi
                ;;
            waiting) seen= ;;
            *)
                fail "$health_now"
                [ "$reason" = docker-away ] || return 1
                ;;
        esac
        ! is_over || {
            say_too_late
            fail health-timeout
            return 1
        }
        sleep 0.05
    done
}

# What is up, and only has to stay so for a while, gets that while, too.
is_over() {
    is_too_late || return 1
    [ "$health_now" != ready ] || is_aborted || [ "$(uptime)" -ge "$((deadline + stable_needed))" ]
}

# A service without a health check must stay up for a while, without a restart.
stayed_up() {
    if [ "$state_now" != "$seen" ]; then
        seen=$state_now
        seen_since=$(uptime)
    fi
    [ "$(($(uptime) - seen_since))" -ge "$stable_needed" ]
}

# Sets health_now to ready, waiting or the reason of a failure, from one look at the containers.
look() {
    health_now=waiting
    look_at_containers || return 0
    containers=0
    stable_needed=$stable_checked
    health_known=checked
    outlook=ready
    while read -r id content status restarts health started; do
        [ -n "$id" ] || continue
        containers=$((containers + 1))
        judge_container
    done <<STATE
$state_now
STATE
    # Fewer than asked for: they may still be on their way.
    if [ "$outlook" != ready ] || [ "$containers" -ge "$replicas" ]; then
        health_now=$outlook
    else
        watched=
    fi
}

# Listed once, and again where one of them is gone or has not come yet.
look_at_containers() {
    [ -n "$watched" ] || watched=$(list_containers "$service")
    [ -n "$watched" ] || return 1
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    state_now=$(limited docker inspect --type container --format "$state_format" $watched) || {
        watched=
        return 1
    }
}

judge_container() {
    case $status/$health in
        running/healthy) ;;
        running/none)
            stable_needed=$stable_unchecked
            health_known=unchecked
            ;;
        running/unhealthy)
            outlook=unhealthy
            return
            ;;
        running/* | created/* | restarting/*) [ "$outlook" != ready ] || outlook=waiting ;;
        *)
            outlook=exited
            return
            ;;
    esac
    if crash_loops; then
        outlook=crash-loop
    elif [ "$content" != "$wanted" ]; then
        outlook=other-image
    fi
    : "$started" # part of the state that must not change
}

# Docker counts for the whole life of a container: what counts here is what came during the run.
crash_loops() {
    case $restarts in
        "" | *[!0-9]*) return 1 ;;
        *) remember_restarts ;;
    esac
    [ "$(new_restarts)" -ge "$restarts_tolerated" ]
}

new_restarts() {
    restarts_before=${known_restarts#*"$id="}
    echo "$((restarts - ${restarts_before%% *}))"
}

# As the first look found them; one that was not there when the run began started with none.
remember_restarts() {
    case $known_restarts/$expect_containers in
        *"$id="*) ;;
        */*"$id"*) known_restarts="$id=$restarts $known_restarts" ;;
        *) known_restarts="$id=0 $known_restarts" ;;
    esac
}

# For how long it was waited, as the inventory may say something else by the time that it is told.
say_too_late() {
    [ "${heeds_abort-no}" = no ] || is_aborted || event "{\"event\":\"gave-up\",\"seconds\":$(in_seconds "$health_timeout")}"
}
