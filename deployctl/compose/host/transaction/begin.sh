#!/bin/sh
# Part of transact.sh: what can still refuse, in the foreground and tied to the client; then the change
# is started, and followed.

begin() {
    cd "$directory" || return 1
    prepare_state_directory || {
        say_unwritable
        return 0
    }
    open_locks || {
        say_unwritable
        return 0
    }
    take_lock || return 0
    name_holder || { free_reserve && name_holder; } || {
        say_unwritable
        return 0
    }
    make_reserve
    claim_run claimed || {
        say_unclaimed
        return 0
    }
    has_room || {
        say_unwritable
        return 0
    }
    nothing_changed "$@" || return 0
    [ "$unchanged" = no ] || {
        record_unchanged
        return 0
    }
    env_file_is_ours || return 0
    start_guardian "$@"
    say '{"event":"begun"}'
    detach "$@"
    follow
}

prepare_state_directory() {
    make_state_directory || { free_reserve && make_state_directory; }
}

make_state_directory() {
    make_state &&
        mkdir -p "$state/runs" "$state/releases" &&
        touch "$state/lock" "$history"
}

# Freed when the disk is full, so that a run can still be claimed and its outcome written: a
# rollback must work then too. Where there is no room for it, it is made by a later run.
make_reserve() {
    [ -s "$state/reserve" ] ||
        dd if=/dev/zero of="$state/reserve" bs=4096 count="$reserve_blocks" conv=fsync 2>/dev/null ||
        free_reserve
}

free_reserve() {
    rm -f "$state/reserve"
}

# Descriptors 9 and 8. Without a private place where it can be locked, there is no second lock.
open_locks() {
    second_lock=$(second_lock)
    { make_private_place && command exec 8>>"$second_lock" && can_be_locked; } 2>/dev/null || second_lock=
    command exec 9>>"$state/lock"
}

# 1 is a lock that somebody holds; another failure is one of the file system.
can_be_locked() {
    if flock -n -s 8; then
        flock -u 8
    else
        [ "$?" -eq 1 ]
    fi
}

make_private_place() {
    [ -n "$second_lock" ] || return 1
    place=${second_lock%/*}
    mkdir -p "$place" && is_our_own "$place/." && ! [ -L "$place" ] && chmod 700 "$place"
}

take_both_locks() {
    flock -n 9 || return 1
    [ -n "$second_lock" ] || return 0
    flock -n 8 || {
        flock -u 9
        return 1
    }
}

# A guardian that waits for its turn comes first.
take_turn() {
    take_both_locks || return 1
    ! guardian_waits || {
        flock -u 9
        [ -z "$second_lock" ] || flock -u 8
        return 1
    }
}

# A probe or a follower holds the lock for an instant, and a run that has its outcome until it has
# tidied up: those are no holders.
take_lock() {
    attempts=0 strange=0
    until take_turn; do
        attempts=$((attempts + 1))
        if [ "$attempts" -lt 5 ]; then
            sleep 0.1
        elif is_held_by_a_run; then
            strange=0
            { [ "$attempts" -lt 100 ] && holder_is_done && sleep 0.1; } ||
                wait_turn holder "$(show_holder)" || return 1
        else
            # One run may have ended, and another begun, since the lock was tried.
            strange=$((strange + 1))
            { [ "$strange" -lt 3 ] && sleep 0.1; } ||
                wait_turn stranger "$(show_who_locks "$state/lock")" || return 1
        fi
    done
}

# Into the locked files: the names are never replaced. Where the home has no room for it, that stops nobody.
name_holder() {
    [ -z "$second_lock" ] || printf '%s\n' "$holder" >"$second_lock" || :
    printf '%s\n' "$holder" >"$state/lock"
}

# wait_turn KIND WHO: the client must answer each time: one that went away deploys nothing later on.
wait_turn() {
    now=$(uptime)
    : "${wait_until:=$((now + wait * 100))}"
    if [ "$now" -ge "$wait_until" ]; then
        say_encoded busy "$1" "$2"
        return 1
    fi
    say_encoded waiting "$1" "$2"
    timeout 20 sh -c 'read -r answer' || return 1
    sleep 0.3
}

# The first claim wins: a client that lost its connection may have claimed the run as
# cancelled, and then it must never begin.
claim_run() {
    make_run_directory || { [ ! -d "$run_directory" ] && free_reserve && make_run_directory; } || return 1
    # What it says matters only to those who come later; that it is there is the claim. One that
    # finds no room is none: it would pass for a run that was cancelled.
    write_claim "$1" || { free_reserve && write_claim "$1"; } || {
        rm -rf "$run_directory"
        return 1
    }
}

write_claim() {
    printf '%s\n' "$1" >"$run_directory/claim"
}

make_run_directory() {
    mkdir "$run_directory" 2>/dev/null
}

say_unclaimed() {
    if [ -d "$run_directory" ]; then
        say '{"event":"cancelled"}'
    else
        say_unwritable
    fi
}

# Whether what the run has to record will find room: the reserve is there for it, or as much is free.
has_room() {
    [ -s "$state/reserve" ] || finds_room "$run_directory"
}

finds_room() {
    # Where others may write, too, a name that they can guess may be a link of theirs.
    room=$(mktemp "$1/.deployctl-XXXXXX" 2>/dev/null) || return 1
    dd if=/dev/zero of="$room" bs=4096 count="$record_blocks" conv=fsync 2>/dev/null
    found_room=$?
    rm -f "$room"
    return "$found_room"
}

# Where the user may write and yet nothing finds room, the disk is full, or a quota is.
say_unwritable() {
    there=$(nearest_directory "$state")
    if [ -d "$there" ] && [ -w "$there" ] && ! finds_room "$there"; then
        say_encoded refused disk-full "$state
$(df -Pk "$there")"
    else
        say '{"event":"refused","what":"state-directory"}'
    fi
}

# What the gates decided on must still hold, now that nobody else can change it.
nothing_changed() {
    allow_patience
    if [ "$ignore_hold" = no ] && { [ -e "$state/holds/$service" ] || [ -L "$state/holds/$service" ]; }; then
        say_encoded changed hold "$(cat "$state/holds/$service")"
        return 1
    fi
    if [ "$(size_of "$history")" != "$expect_history" ]; then
        say_encoded changed history "$(tail -n 1 "$history")"
        return 1
    fi
    # The two slow questions at once. The one in the background must not keep the lock.
    resolve_configuration "$@" 8>&- 9>&- &
    containers_now=$(service_containers) || {
        wait "$!"
        say '{"event":"refused","what":"docker"}'
        return 1
    }
    if ! wait "$!"; then
        say_encoded changed files "$(tail -n 5 "$run_directory/log")"
        return 1
    fi
    if [ "$containers_now" != "$expect_containers" ]; then
        say_encoded changed containers "$containers_now"
        return 1
    fi
}

# The configuration with the placeholder is what was hashed; with the tag it is what is kept.
resolve_configuration() {
    shift "$option_words"
    (
        resolved=$(limited env "$tag_variable=$placeholder" "$@" --profile '*' config --format json \
            2>>"$run_directory/log") || exit 1
        hash=$(printf '%s\n' "$resolved" | sha256sum)
        [ "${hash%% *}" = "$expect_files" ] || exit 1
        # Kept after a success. Where there is no room for all of it, the run itself goes on.
        printf '%s\n' "$resolved" | sed "s/$placeholder/$tag/g" >"$run_directory/release.yml" ||
            rm -f "$run_directory/release.yml"
    )
}

detach() {
    ensure_run_directory
    # shellcheck disable=SC2016 # the inner shell expands it
    setsid sh -c 'eval "$1"' "deployctl-$run" "$script" change --guardian "$guardian" "$@" \
        </dev/null >>"$run_directory/log" 2>&1 &
    changing=$!
    # From here on only the detached part holds the locks.
    exec 8>&- 9>&-
}
