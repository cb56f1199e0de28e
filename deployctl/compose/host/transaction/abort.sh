#!/bin/sh
# Part of transact.sh: ending a run that hangs. What it waits for is ended, and the run then puts the
# old release back by itself. One that does not is killed, and its guardian does.

# Which run it is, and whose, is told by the lock: the one that holds it now, or none.
abort() {
    look_at_lock
    # Once: the next run may take the lock between two looks.
    held_by=$(show_holder)
    run=$(run_in "$held_by")
    run_directory=$state/runs/$run
    if is_closed "$state" || is_closed "$state/runs"; then
        say '{"event":"refused","what":"state-closed"}'
    elif [ "$lock" = stranger ]; then
        say_encoded busy stranger "$(show_who_locks "$state/lock")"
    elif [ "$lock" != held ] || [ -e "$run_directory/outcome" ] || ! is_run_id "$run"; then
        say '{"event":"refused","what":"not-running"}'
    elif ! printf '%s' "$held_by" | grep -qF "\"service\":\"$service\""; then
        say_encoded refused other-service "$held_by"
    elif is_unguarded; then
        say_encoded refused no-guardian "$held_by"
    else
        say_encoded aborting run "$held_by"
        end_what_it_waits_for >/dev/null 2>&1 &
        follow
    fi
}

is_run_id() {
    # The pattern is meant to match.
    # shellcheck disable=SC2254
    case $1 in
        $run_pattern) ;;
        *) return 1 ;;
    esac
}

# A run of the versions before has no guardian, and knows no abort: it is left alone.
is_unguarded() {
    [ -n "$(shells_of "deployctl-$run")" ] && [ -z "$(shells_of "deployctl-guard-$run")" ] &&
        ! [ -e "$run_directory/outcome" ]
}

# Where this finds no room, the run is killed in the end, and recorded as killed. A run that has no
# directory yet makes it itself, as its claim.
ask_for_abort() {
    [ ! -e "$run_directory/abort" ] && { [ -d "$run_directory" ] || [ -n "$shells" ]; } || return 0
    { ensure_run_directory && printf '%s\n' "$aborted" >"$run_directory/abort"; } 2>/dev/null || :
}

# Until the run has seen it, or its guardian. While it has not begun to change anything, it is waited for.
# Without a guardian, as the versions before begin it, or where that one is gone by now, it is left alone.
end_what_it_waits_for() {
    session='' kill_at=''
    until is_going_back; do
        shells=$(shells_of "deployctl-$run")
        ask_for_abort
        [ -n "$session" ] || remember_session
        if [ -z "$shells$session" ]; then
            lock_is_ours || return
        elif [ -z "$(shells_of "deployctl-guard-$run")" ]; then
            return
        elif [ "$(uptime)" -ge "$kill_at" ]; then
            processes '' | send KILL
        else
            calls_of_docker | send TERM
        fi
        sleep 0.3
    done
}

# The file is there for the case that no event can be written any more.
is_going_back() {
    [ -e "$run_directory/outcome" ] || [ -e "$run_directory/going-back" ] ||
        grep -qE '^[{]"event":("aborted"|"step","what":"restore")' "$run_directory/events" 2>/dev/null
}

remember_session() {
    for shell in $shells; do
        if read_process "/proc/$shell" && [ "$its_session" = "$shell" ]; then
            session=$shell session_since=$since
            kill_at=$(($(uptime) + abort_patience))
            return
        fi
    done
}

# What one of the shells has called: docker, or what watches its time and hands the signal on.
calls_of_docker() {
    for shell in $shells; do
        processes "$shell"
    done | while read -r process; do
        read -r name <"/proc/$process/comm" && case $name in
            timeout | docker) echo "$process" ;;
            *) ;;
        esac
    done
}

# processes PARENT: those of the run's session, of this parent or, if it is empty, of any. None once another
# process leads a session of this number. As long as the number has a member, the kernel does not give it away.
processes() {
    ! read_process "/proc/$session" || [ "$since" = "$session_since" ] || return 0
    for process in /proc/[0-9]*; do
        if is_ours "$process" && read_process "$process" && [ "$its_session" = "$session" ] &&
            [ "${1:-$parent}" = "$parent" ]; then
            echo "${process##*/}"
        fi
    done
}

# Sets parent, its_session and since, its start. In proc(5), /proc/PID/stat is "PID (NAME) STATE PARENT GROUP
# SESSION …". A name may have anything in it, also the end of a line: what counts is what follows the last one.
read_process() {
    told=
    { while read -r line; do told=$line; done <"$1/stat"; } 2>/dev/null
    [ -n "$told" ] || return 1
    read -r _ parent _ its_session _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ since _ <<STAT
${told##*) }
STAT
}

# Nothing is signalled that has gone back meanwhile, or has its outcome and tidies up.
send() {
    while read -r process; do
        is_going_back || kill "-$1" "$process"
    done
}
