#!/bin/sh
# Part of transact.sh: what a run says, while it goes on and after it failed. Each line is an event, a
# JSON object.

say() {
    printf '%s\n' "$1"
}

# say_encoded EVENT NAME TEXT
say_encoded() {
    printf '{"event":"%s","what":"%s","text":"%s"}\n' "$1" "$2" "$(printf '%s' "$3" | encode)"
}

# Never fatal: neither a full disk nor a directory that is gone stops the change half way.
event() {
    { ensure_run_directory && printf '%s\n' "$1" >>"$run_directory/events"; } 2>/dev/null || :
}

event_encoded() {
    event "$(say_encoded "$@")"
}

step() {
    event "{\"event\":\"step\",\"what\":\"$1\",\"seconds\":$(seconds_since_start)}"
    trim_log || :
}

# The log is written in append mode, so it can be emptied under its writers. It is what the change
# says, whatever became of its name.
trim_log() {
    if log_size=$(size_of /proc/self/fd/2) && [ "$log_size" -gt "$log_bytes" ]; then
        true >/proc/self/fd/2
    fi
}

# Prints digits, or fails: what cannot be measured is never calculated with, as that ends the shell.
size_of() {
    size=$(wc -c <"$1" | tr -d ' ')
    case $size in
        '' | *[!0-9]*) return 1 ;;
        *) printf '%s' "$size" ;;
    esac
}

# What everyone looks for next: the last lines of the container that failed.
show_what_failed() {
    failed_id=$(inspect_service "$service" '{{.Image}} {{.ID}}' | sed -n "s/^$image_id //p" | head -n 1)
    [ -z "$failed_id" ] || show_container "$failed_id"
    event_encoded run-log "$reason" "$(tail -n 20 /proc/self/fd/2 | tail -c "$shown_bytes")"
}

show_container() {
    event_encoded container-log "$reason" "$(limited docker logs --tail 40 "$1" 2>&1 | tail -c "$shown_bytes")"
    event_encoded health-log "$reason" "$(limited docker inspect --format \
        '{{with .State.Health}}{{range .Log}}{{.ExitCode}} {{.Output}}{{println}}{{end}}{{end}}' "$1" | grep . | tail -n 3 | tail -c "$shown_bytes")"
}
