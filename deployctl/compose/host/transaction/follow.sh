#!/bin/sh
# Part of transact.sh: watching a run, from its events to its outcome.

follow_run() {
    # The directory may not be there yet either: then the claim makes it.
    if [ "$cancel" = yes ] && prepare_state_directory && claim_run cancelled; then
        say '{"event":"cancelled"}'
    elif is_closed "$state" || is_closed "$state/runs"; then
        say '{"event":"refused","what":"state-closed"}'
    elif ! [ -d "$run_directory" ]; then
        say '{"event":"unknown-run"}'
    elif grep -q '^cancelled' "$run_directory/claim" 2>/dev/null; then
        say '{"event":"cancelled"}'
    elif [ "$watch" = no ] && ! [ -e "$run_directory/outcome" ] && lock_is_ours; then
        say '{"event":"begun"}'
    else
        follow
    fi
}

# Whether another user's directory keeps this one from seeing what is in it.
is_closed() {
    [ -d "$1" ] && ! [ -x "$1" ]
}

# Passes the run's events on until its outcome is there or nobody holds the lock for it.
follow() {
    rounds=0
    until [ -e "$run_directory/events" ] || run_ended; do
        sleep 0.02
    done
    if [ -e "$run_directory/events" ]; then
        pass_events_on <"$run_directory/events"
    fi
    say_outcome
}

pass_events_on() {
    ended=no
    partial=
    while :; do
        while read -r line; do
            say "$partial$line"
            partial=
        done
        partial=$partial$line
        [ "$ended" = no ] || return 0
        # Once more after the end, for what was written in between.
        if run_ended; then
            ended=yes
        else
            sleep 0.02
        fi
    done
}

# The marker at each look; the lock, which takes processes to ask, less often.
run_ended() {
    [ ! -e "$run_directory/outcome" ] || return 0
    rounds=$((rounds + 1))
    [ "$((rounds % 40))" -eq 0 ] && ! lock_is_ours
}

# Whether a process of this run holds the lock, be it the change or a child that outlived it. Who
# else holds it must not keep a follower waiting for a run that was killed.
lock_is_ours() {
    look_at_lock
    [ "$lock" = held ] && grep -qF "\"run\":\"$run\"" "$state/lock"
}

say_outcome() {
    if [ -s "$run_directory/outcome" ]; then
        say_encoded outcome entry "$(cat "$run_directory/outcome")"
    else
        say_encoded ended entry "$(grep -F "\"run\":\"$run\"" "$history" | tail -n 1)"
    fi
}
