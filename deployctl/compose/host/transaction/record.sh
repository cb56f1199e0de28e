#!/bin/sh
# Part of transact.sh: the outcome and the history.

# settle EVENT: the outcome, first in the history, then for those who follow.
settle() {
    append "$1" || event '{"event":"not-recorded"}'
    mark_outcome || { free_reserve && mark_outcome; } || rm -f "$run_directory/outcome.new"
    dismiss_guardian
}

mark_outcome() {
    ensure_run_directory && printf '%s\n' "$entry" >"$run_directory/outcome.new" &&
        mv "$run_directory/outcome.new" "$run_directory/outcome"
}

# What somebody removed meanwhile, with `git clean` say, is made again. In a subshell, for its names.
ensure_run_directory() {
    [ -d "$run_directory" ] || (make_state && mkdir -p "$run_directory")
}

append() {
    append_line "$1" "$record"
}

# append_line EVENT FIELDS: FIELDS is JSON without its braces, made by the client. What the host adds
# is in extra_fields, each with a comma in front.
append_line() {
    entry=$(printf '{"v":1,"seq":%s,"at":"%s","event":"%s",%s,"reason":"%s","seconds":%s%s}' \
        "$seq" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "$reason" "$(seconds_since_start)" \
        "${extra_fields-}")
    size_before=$(size_of "$history" 2>/dev/null) || size_before=-1
    if ! append_synced; then
        # The disk is full: this is what the reserve is for.
        free_reserve
        is_appended || append_again || {
            take_back_half_a_line
            return 1
        }
    fi
    seq=$((seq + 1))
}

append_again() {
    take_back_half_a_line
    append_synced
}

# What there was room for. Nobody else appends: the lock is held. A history is never made shorter
# than it was when this run took the lock; what cannot be measured stays, and is closed as a torn end.
take_back_half_a_line() {
    [ "$size_before" -ge "$expect_history" ] &&
        size_now=$(size_of "$history" 2>/dev/null) && [ "$size_now" -gt "$size_before" ] &&
        dd if=/dev/null of="$history" bs=1 seek="$size_before" conv=fsync 2>/dev/null
}

# Whether only the syncing failed: the same line twice would look like a line put in by hand.
is_appended() {
    [ "$(tail -n 1 "$history")" = "$entry" ] && sync "$history"
}

# One write, so that a line is there whole or torn, never mixed; then on the disk. A torn end of
# an earlier write is closed first, never glued to.
append_synced() {
    ensure_run_directory
    newline=
    if [ -s "$history" ] && [ "$(tail -c 1 "$history" | wc -l | tr -d ' ')" != 1 ]; then
        newline='
'
    fi
    if dd if=/dev/null of=/dev/null oflag=append 2>/dev/null; then
        printf '%s%s\n' "$newline" "$entry" |
            dd of="$history" bs=64k oflag=append conv=notrunc,fsync 2>/dev/null
    else
        # A BusyBox without oflag.
        printf '%s%s\n' "$newline" "$entry" >>"$history" && sync "$history"
    fi
}

# What was asked for runs already: a line says so, for the order of runs, and nothing else is done.
record_unchanged() {
    began=$(uptime)
    reason=
    append succeeded || {
        say '{"event":"refused","what":"history"}'
        return 0
    }
    keep_configuration
    mark_outcome
    say_encoded outcome entry "$entry"
    prune_files
}

keep_configuration() {
    mkdir -p "$state/releases/$service" &&
        mv "$run_directory/release.yml" "$state/releases/$service/$run.yml"
}
