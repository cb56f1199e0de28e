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

# Never fatal: a full disk must not stop the change half way.
event() {
    printf '%s\n' "$1" >>"$run_directory/events" 2>/dev/null || :
}

event_encoded() {
    event "$(say_encoded "$@")"
}

step() {
    event "{\"event\":\"step\",\"what\":\"$1\",\"seconds\":$(seconds_since_start)}"
    trim_log
}

# The log is written in append mode, so it can be emptied under its writers.
trim_log() {
    if [ "$(($(wc -c <"$run_directory/log")))" -gt "$log_bytes" ]; then
        : >"$run_directory/log"
    fi
}

# What everyone looks for next: the last lines of the container that failed.
show_what_failed() {
    failed_id=$(inspect_service '{{.Image}} {{.ID}}' | sed -n "s/^$image_id //p" | head -n 1)
    if [ -n "$failed_id" ]; then
        event_encoded container-log "$reason" "$(limited docker logs --tail 40 "$failed_id" 2>&1 | tail -c "$shown_bytes")"
        event_encoded health-log "$reason" "$(limited docker inspect --format \
            '{{with .State.Health}}{{range .Log}}{{.ExitCode}} {{.Output}}{{println}}{{end}}{{end}}' "$failed_id" | grep . | tail -n 3 | tail -c "$shown_bytes")"
    fi
    event_encoded run-log "$reason" "$(tail -n 20 "$run_directory/log" | tail -c "$shown_bytes")"
}
