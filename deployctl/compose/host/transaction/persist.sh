#!/bin/sh
# Part of transact.sh: the tag in the project's .env.

# The probe has asked the same, but what it saw may have changed since.
env_file_is_ours() {
    [ -n "$env_file" ] || return 0
    problems=$(env_file_problems "$env_file")
    [ -n "$problems" ] || return 0
    say_encoded refused .env "$problems"
    return 1
}

# Where a plain `docker compose up` by hand finds it. Written once the release is known to run well,
# so that what the file names is always a release that was good here.
keep_tag() {
    [ -n "$env_file" ] || return 0
    step persist
    env_file=$(readlink -f "$env_file")
    # The pattern is meant to match.
    # shellcheck disable=SC2086
    rm -f "$env_file".deployctl-$run_pattern
    new_env_file=$env_file.deployctl-$run
    assignment="^[[:space:]]*(export[[:space:]]+)?${tag_variable}[[:space:]]*=[[:blank:]]*"
    if write_env_file "$1" && env_file_is_whole "$1" && mv "$new_env_file" "$env_file"; then
        sync "$(dirname "$env_file")"
        return 0
    fi
    rm -f "$new_env_file"
    fail persist-failed
}

# The new content, in a file with the old one's mode. Only the last assignment counts for compose,
# and only its value is changed.
write_env_file() {
    if [ -e "$env_file" ]; then
        cp -p "$env_file" "$new_env_file" || return 1
        number=$(grep -nE "$assignment" "$env_file" | tail -n 1 | cut -d : -f 1)
        env_file_with "$1" | dd of="$new_env_file" bs=64k conv=fsync 2>/dev/null
    else
        # As an editor would make it: whoever calls compose by hand needs it, too.
        (umask 022 && printf '%s=%s\n' "$tag_variable" "$1" |
            dd of="$new_env_file" bs=64k conv=fsync 2>/dev/null)
    fi
}

# A line may be new, none may be gone.
env_file_is_whole() {
    [ ! -e "$env_file" ] || [ "$(wc -l <"$new_env_file")" -ge "$(wc -l <"$env_file")" ] || return 1
    grep -E "$assignment" "$new_env_file" | tail -n 1 | grep -qE "$assignment$1([[:space:]]|\$)"
}

env_file_with() {
    if [ -n "$number" ]; then
        sed -E "${number}s/($assignment)(\"[^\"]*\"|'[^']*'|[^[:space:]#]*)/\\1$1/" "$env_file"
    else
        cat "$env_file"
        [ -z "$(tail -c 1 "$env_file")" ] || echo
        printf '%s=%s\n' "$tag_variable" "$1"
    fi
}
