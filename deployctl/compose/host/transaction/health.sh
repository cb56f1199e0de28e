#!/bin/sh
# Part of transact.sh: waiting until the containers are well.

# Polls instead of `up --wait`, which looks twice a second only and takes a crash loop for running.
wait_until_healthy() {
    wanted=$1
    give_up=$(($(uptime) + health_timeout))
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
                return 1
                ;;
        esac
        [ "$(uptime)" -lt "$give_up" ] || {
            say_too_late
            fail health-timeout
            return 1
        }
        sleep 0.05
    done
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
    state_now=$(service_state) || return 0
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
    fi
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
    if [ "$restarts" -ge "$restarts_tolerated" ]; then
        outlook=crash-loop
    elif [ "$content" != "$wanted" ]; then
        outlook=other-image
    elif is_stale "$id"; then
        outlook=not-recreated
    fi
    : "$started" # part of the state that must not change
}

is_stale() {
    case " $stale_ids " in
        *" $1 "*) return 0 ;;
        *) return 1 ;;
    esac
}

# Up, or a one-shot that ended well.
wait_for_dependency() {
    give_up=$(($(uptime) + health_timeout))
    while [ "$(uptime)" -lt "$give_up" ]; do
        # Word splitting is wanted: the ids are hex digits.
        # shellcheck disable=SC2046
        case $(limited docker inspect --format \
            '{{.State.Status}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' \
            $(container_ids "$1")) in
            "running 0 healthy" | "running 0 none" | "exited 0 "*) return 0 ;;
            *) sleep 0.1 ;;
        esac
    done
    say_too_late
    return 1
}

# For how long it was waited, as the inventory may say something else by the time that it is told.
say_too_late() {
    event "{\"event\":\"gave-up\",\"seconds\":$(in_seconds "$health_timeout")}"
}
