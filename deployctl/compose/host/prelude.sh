#!/bin/sh
# In front of every script that is sent: how it calls docker, and how it says what it found.
set -u
LC_ALL=C
export LC_ALL

docker_limit=30 # seconds for one docker call that only asks

# limited COMMAND…: without the locks of a run (7 to 9), for what watches the time in BusyBox outlives
# the call by a second.
limited() {
    timeout -k 5 "$docker_limit" "$@" 7>&- 8>&- 9>&-
}

# emit NAME COMMAND…: prints a fact, with what COMMAND says on its standard output, and its exit
# status. What encodes may outlive the script, so it has none of the login's descriptors (7 and 8).
emit() {
    name=$1
    shift
    printf '{"fact":"%s","output":"' "$name"
    { status=$({ {
        "$@"
        echo $? >&3
    } | base64 7>&- 8>&- | tr -d '\n' 7>&- 8>&- >&4; } 3>&1); } 4>&1
    printf '","status":%s}\n' "$status"
}

# What a command or a file says travels byte for byte: nothing on the host is trusted to be text.
encode() {
    base64 | tr -d '\n'
}

# nearest_directory PATH: PATH itself, or the first above it that is there.
nearest_directory() {
    there=$1
    until [ -e "$there" ]; do
        there=$(dirname "$there")
    done
    printf '%s\n' "$there"
}
