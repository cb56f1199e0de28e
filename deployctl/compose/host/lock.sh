#!/bin/sh
# Part of probe.sh, transact.sh, hold.sh and check.sh, which are sent with it in front: who holds
# the lock. A run holds it on descriptor 9, which its shell keeps as one from 10 on while it calls
# something that shall not have it; whatever else holds it is a stranger.
#
# A clean of the project may take the lock away, under a run that holds it. So there is a second one, where
# none reaches: a private file of the same user, named after the state directory. This version's
# runs hold both; the versions before know only the first.

# Prints where the second lock is; nothing where the user has no home.
second_lock() {
    [ -d "${HOME-}" ] || return 0
    # Not what the directory itself may be a link to: a clean takes that away, too.
    real=$(cd "${state%/*}/" 2>/dev/null && pwd -P)/${state##*/}
    hash=$(printf '%s' "$real" | sha256sum)
    printf '%s\n' "$HOME/.local/state/deployctl/${hash%% *}.lock"
}

# Nobody but this user can open it, so who holds it is a run.
second_is_held() {
    second=$(second_lock)
    [ -r "$second" ] && ! (flock -n -s 6) 6<"$second"
}

# Sets lock to free, held (by a run) or stranger. One run may end and another begin while it is looked for.
# shellcheck disable=SC2034 # check.sh does not call it
look_at_lock() {
    lock=free looks=0
    if second_is_held || guardian_waits; then
        lock=held
        return
    fi
    while [ -r "$state/lock" ] && ! (flock -n -s 9) 9<"$state/lock"; do
        looks=$((looks + 1))
        if is_held_by_a_run; then
            lock=held
            return
        elif [ "$looks" -ge 3 ]; then
            lock=stranger
            return
        fi
        sleep 0.1
    done
}

# Only this user's processes count, of this version or of the one before. Where the kernel does not
# tell who holds a lock, whoever holds this one is taken for a run, as the version before did.
# shellcheck disable=SC3013,SC3067 # -ef, -O: dash and BusyBox have them
is_held_by_a_run() {
    ! second_is_held || return 0
    for descriptor in /proc/[0-9]*/fd/9 /proc/[0-9]*/fd/1[0-9]; do
        process=${descriptor%/fd/*}
        if [ "$descriptor" -ef "$state/lock" ] && [ -O "$process" ] &&
            grep -q 'FLOCK .* WRITE' "$process/fdinfo/${descriptor##*/}" 2>/dev/null; then
            return 0
        fi
    done
    ! kernel_tells_locks
}

# Tried with a pipe: nobody else can have locked that.
kernel_tells_locks() {
    : | { flock -n 0 && grep -q FLOCK /proc/self/fdinfo/0; } 2>/dev/null
}

# Whether the last run that held the lock was killed, and its guardian is about to take it.
guardian_waits() {
    last_held=$(run_that_held)
    ! [ -e "$state/runs/$last_held/outcome" ] && [ -r "$state/runs/$last_held/guard" ] &&
        ! (flock -n -s 6) 6<"$state/runs/$last_held/guard"
}

run_that_held() {
    run_in "$(show_holder)"
}

# run_in NOTE: the run in what a holder wrote.
run_in() {
    noted=${1#*\"run\":\"}
    printf '%s\n' "${noted%%\"*}"
}

# A run that has its outcome holds the lock while it tidies up, and changes nothing any more.
holder_is_done() {
    [ -e "$state/runs/$(run_that_held)/outcome" ]
}

# What the run that holds a lock wrote into it. The first one is empty where it was removed under
# the run, and made again by somebody who could not take it.
show_holder() {
    if [ -s "$state/lock" ]; then
        cat "$state/lock"
    else
        cat "$(second_lock)" 2>/dev/null
    fi
}

# show_who_locks FILE: "PID USER PROGRAM"; nothing where it cannot be seen from here. The files of
# another user's process cannot be looked at, but the kernel lists who asked for each lock.
# shellcheck disable=SC3013 # -ef: dash and BusyBox have it
show_who_locks() {
    for descriptor in /proc/[0-9]*/fd/*; do
        process=${descriptor%/fd/*}
        if [ "$descriptor" -ef "$1" ] &&
            grep -q FLOCK "$process/fdinfo/${descriptor##*/}" 2>/dev/null; then
            show_process "$process"
            return
        fi
    done
    read -r inode _ <<LISTED
$(ls -di "$1")
LISTED
    asked=$(sed -nE "s/^[0-9]+: FLOCK +[A-Z]+ +[A-Z]+ +([1-9][0-9]*) [0-9a-f]+:[0-9a-f]+:$inode .*/\\1/p" \
        /proc/locks 2>/dev/null | head -n 1)
    [ -z "$asked" ] || show_process "/proc/$asked"
}

# Its program's name only: its arguments may have a secret in them.
show_process() {
    [ -r "$1/comm" ] || return 0
    read -r _ _ its_user _ <<LISTED
$(ls -ld "$1")
LISTED
    printf '%s %s %s\n' "${1##*/}" "$its_user" "$(tr '\n' ' ' <"$1/comm")"
}
