#!/bin/sh
# Part of transact.sh: the guardian, a second detached process beside each run. It waits for the locks,
# and so has them when the run is gone, with all that it started. Where the run left no outcome,
# because somebody killed it, the guardian goes up the same ladder, and records how that ended.

# start_guardian OPTION… -- COMMAND…: nothing is changed before it is there, or shows that it cannot be. Its
# marker may be removed before it is seen, so it is not waited for any longer than 5 seconds.
start_guardian() {
    # shellcheck disable=SC2016 # the inner shell expands it
    setsid sh -c 'eval "$1"' "deployctl-guard-$run" "$script" guard "$@" \
        </dev/null >>"$run_directory/log" 2>&1 8>&- 9>&- &
    guardian=$!
    looks=0
    until [ -e "$run_directory/guarded" ] || ! kill -0 "$guardian" 2>/dev/null || [ "$looks" -ge 500 ]; do
        looks=$((looks + 1))
        sleep 0.01
    done
}

# A run that has ended sends its guardian away: its record may be gone already, or could not be written,
# and then the guardian would take it for one that was killed. A number alone may be another's by now.
dismiss_guardian() {
    if is_called "deployctl-guard-$run" "/proc/${guardian-none}"; then
        kill -TERM "-$guardian"
    fi
}

# Prints the shells of a detached part, by the name that it was started with.
shells_of() {
    for process in /proc/[0-9]*; do
        ! is_called "$1" "$process" || echo "${process##*/}"
    done
}

# This user's, and with nothing but these words in front of its script's first line: who only looks for the
# name, with pgrep say, has it among their words, too. No shell reads the zero bytes between the words.
# shellcheck disable=SC2016 # the inner shell would expand it
is_called() {
    is_ours "$2" && { read -r words <"$2/cmdline"; } 2>/dev/null && case $words in
        'sh-ceval "$1"'"$1"'#!'*) ;;
        *) return 1 ;;
    esac
}

# shellcheck disable=SC3067 # -O: dash and BusyBox have it
is_ours() {
    [ -O "$1" ]
}

# Its own lock (7) says that it is there, also to whoever wants the run's locks next: they are not
# handed over in order.
guard() {
    { command exec 7>>"$run_directory/guard" && flock 7; } || return 1
    began=$(uptime)
    known_restarts=
    cd "$directory" && open_locks && true >"$run_directory/guarded" && wait_for_locks || return 1
    [ ! -e "$run_directory/outcome" ] || return 0
    find_last_line
    case $last_line in
        none) refuse_killed ;;
        started) end_killed "$@" ;;
        outcome) mark_outcome ;;
        *) ;; # A later run has begun, and recorded what it found.
    esac
}

wait_for_locks() {
    flock 9 && { [ -z "$second_lock" ] || flock 8; }
}

# Sets last_line to what the history's last line makes of this run, and entry to that line. A power cut
# may have left zero bytes in it, which make grep take it for no text, without -a.
find_last_line() {
    last_line=later
    entry=$(grep -a '"run":"' "$history" | tail -n 1)
    if ! size_now=$(size_of "$history") || [ "$size_now" -lt "$expect_history" ]; then
        last_line=started # Somebody removed the history, so what was begun is not known.
    elif ! grep -qaF "\"run\":\"$run\"" "$history"; then
        last_line=none
    else
        case $entry in
            *'"event":"started",'*"\"run\":\"$run\""*) last_line=started ;;
            *"\"run\":\"$run\""*) last_line=outcome ;;
            *) ;;
        esac
    fi
}

refuse_killed() {
    event '{"event":"refused","what":"killed"}'
    true >"$run_directory/outcome"
}

end_killed() {
    last_seq=$(printf '%s\n' "$entry" | sed -n 's/^{"v":1,"seq":\([1-9][0-9]\{0,14\}\),.*/\1/p')
    seq=$((${last_seq:-$seq} + 1))
    reason=killed
    [ ! -e "$run_directory/abort" ] || reason=aborted
    put_back "$@"
    prune_files
}
