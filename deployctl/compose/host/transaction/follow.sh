#!/bin/sh
# Part of transact.sh: watching a run, from its events to its outcome.

follow_run() {
    if [ "$cancel" = yes ] && may_be_cancelled && claim_run cancelled; then
        say '{"event":"cancelled"}'
    elif is_closed "$state" || is_closed "$state/runs"; then
        say '{"event":"refused","what":"state-closed"}'
    elif ! [ -d "$run_directory" ] && ! lock_is_ours; then
        say '{"event":"unknown-run"}'
    elif grep -q '^cancelled' "$run_directory/claim" 2>/dev/null; then
        say '{"event":"cancelled"}'
    elif [ "$watch" = no ] && ! [ -e "$run_directory/outcome" ] && lock_is_ours; then
        say '{"event":"begun"}'
    else
        follow
    fi
}

# The directory may not be there yet: then the claim makes it. Or not any more, under a run that goes on.
may_be_cancelled() {
    { [ -d "$state/runs" ] || ! lock_is_ours; } && prepare_state_directory
}

# Whether another user's directory keeps this one from seeing what is in it.
is_closed() {
    [ -d "$1" ] && ! [ -x "$1" ]
}

# Passes the run's events on until its outcome is there or nobody works on it any more.
follow() {
    rounds=0
    ended=no
    while [ "$ended" = no ]; do
        ! run_ended || ended=yes
        # Once more after the end, for what was written in between.
        [ ! -r "$run_directory/events" ] || pass_events_on <"$run_directory/events"
        [ "$ended" = yes ] || sleep 0.02
    done
    say_outcome
}

# Until the end, or until the run had to make the file anew.
# shellcheck disable=SC3013 # -ef: dash and BusyBox have it
pass_events_on() {
    partial=
    while :; do
        while read -r line; do
            say "$partial$line"
            partial=
        done
        partial=$partial$line
        if ! [ /proc/self/fd/0 -ef "$run_directory/events" ]; then
            ended=no
            return
        fi
        [ "$ended" = no ] || return 0
        ! run_ended || ended=yes
        [ "$ended" = yes ] || sleep 0.02
    done
}

# The marker at each look; who works on it, which takes processes to ask, less often. The lock's file
# may be gone: then the change is there all the same if it was started from here.
run_ended() {
    [ ! -e "$run_directory/outcome" ] || return 0
    rounds=$((rounds + 1))
    [ "$((rounds % 40))" -eq 0 ] && ! lock_is_ours && ! kill -0 "${changing:-none}" 2>/dev/null
}

# Whether a process of this run holds the lock, be it the change or a child that outlived it. Who
# else holds it must not keep a follower waiting for a run that was killed.
lock_is_ours() {
    look_at_lock
    [ "$lock" = held ] && show_holder | grep -qF "\"run\":\"$run\""
}

# Zero bytes that a power cut left in the history do not make it something else than text: -a.
say_outcome() {
    if [ -s "$run_directory/outcome" ]; then
        say_encoded outcome entry "$(cat "$run_directory/outcome")"
    else
        say_encoded ended entry "$(grep -aF "\"run\":\"$run\"" "$history" | tail -n 1)"
    fi
}
