#!/bin/sh
# Part of probe.sh and of transact.sh, which are sent with it in front: both ask the same about the
# file that the tag is kept in, so that a check never says yes where the deploy then says no.

# What keeps this user from putting a new file in the place of FILE, a line for each reason:
# "WORD USER PATH". Nothing: it can be replaced, and the new one will look like the old.
env_file_problems() {
    asking=$(id -un)
    # A link that leads to a name with a line break would make lines of its own.
    if ! target=$(readlink -f "$1") || [ "$(printf '%s' "$target" | wc -l)" -gt 0 ]; then
        printf 'link %s %s\n' "$asking" "$1"
        return
    fi
    [ -w "$(dirname "$target")" ] || printf 'directory %s %s\n' "$asking" "$(dirname "$target")"
    [ -e "$target" ] || return 0
    if ! [ -f "$target" ]; then
        printf 'kind %s %s\n' "$asking" "$target"
    elif [ -z "$(find "$target" -user "$(id -u)")" ]; then
        printf 'owner %s %s\n' "$asking" "$target"
    elif ! [ -r "$target" ]; then
        printf 'mode %s %s\n' "$asking" "$target"
    fi
}
