#!/bin/sh
# Changes what a service runs, as one transaction that ends in a recorded outcome.
#
# usage: transact.sh SCRIPT begin  OPTION… -- docker compose -f FILE…   start a run and follow it
#        transact.sh SCRIPT follow OPTION… --                           watch a run again
#        transact.sh SCRIPT change …                                    internal: the detached part
#
# SCRIPT is this very text: the detached part is started from it, so nothing is installed.
# Options are `--name value` pairs; read_options lists them. Times are centiseconds of
# /proc/uptime, which no clock change can move. Each line printed is an event, a JSON object.
#
# What can still refuse happens in the foreground, tied to the client. The change itself is
# detached and holds the lock's descriptor (9), so the lock dies with it and not before.
set -u
LC_ALL=C
export LC_ALL
umask 077

docker_limit=30      # seconds for one docker call that only asks
up_limit=300         # seconds for one `docker compose up` or stop
log_bytes=1048576    # what a run's log may hold
shown_bytes=16384    # of a failing container's own log
runs_kept=20         # directories in runs/
reserve_blocks=16    # of 4 KiB, freed when the disk is full
record_blocks=4      # of 4 KiB: what a run writes at least, its outcome included
restarts_tolerated=3 # a container that restarts this often will not become healthy

# What the names in runs/ and releases/ look like: the client makes them, and nothing else goes.
digit='[0-9]' hex='[0-9a-f]'
digits6=$digit$digit$digit$digit$digit$digit hex4=$hex$hex$hex$hex
run_pattern=$digit$digit${digits6}t${digits6}z-$hex4$hex4

main() {
    script=$1 verb=$2
    shift 2
    read_options "$@"
    run_directory=$state/runs/$run
    history=$state/history.jsonl
    case $verb in
        begin) begin "$@" ;;
        change)
            shift "$option_words"
            change "$@"
            ;;
        follow) follow_run ;;
        *) return 2 ;;
    esac
}

read_options() {
    option_words=1
    while [ "$1" != -- ]; do
        case $1 in
            --directory) directory=$2 ;;                 # where docker compose is called
            --state) state=$2 ;;                         # deployctl's own files
            --run) run=$2 ;;                             # id of the run, made by the client
            --holder) holder=$2 ;;                       # JSON: who holds the lock, for others to read
            --wait) wait=$2 ;;                           # seconds to wait for the lock
            --expect-history) expect_history=$2 ;;       # size of the history that was decided on
            --expect-files) expect_files=$2 ;;           # hash of the resolved configuration
            --expect-containers) expect_containers=$2 ;; # "ID IMAGE up|down" lines, sorted
            --ignore-hold) ignore_hold=$2 ;;             # yes: a rollback is allowed under a hold
            --project) project=$2 ;;
            --service) service=$2 ;;
            --replicas) replicas=$2 ;;         # containers that the service should have
            --dependencies) dependencies=$2 ;; # services that are not there yet
            --tag-variable) tag_variable=$2 ;;
            --placeholder) placeholder=$2 ;; # the tag in the hashed configuration
            --tag) tag=$2 ;;
            --image) image=$2 ;;                       # REPOSITORY:TAG in the compose files
            --image-id) image_id=$2 ;;                 # the verified content
            --kept-image) kept_image=$2 ;;             # our own name for it
            --recreate) recreate=$2 ;;                 # yes: also when compose sees no change
            --alone) alone=$2 ;;                       # yes: compose shall not look at what the service needs
            --env-file) env_file=$2 ;;                 # the project's .env, to keep the tag in; empty: nowhere
            --health-timeout) health_timeout=$2 ;;     # centiseconds, as the next two
            --stable-checked) stable_checked=$2 ;;     # to stay up, with a health check
            --stable-unchecked) stable_unchecked=$2 ;; # and without one
            --seq) seq=$2 ;;                           # number of the next history line
            --found) found=$2 ;;                       # JSON fields of runs found interrupted, by line
            --record) record=$2 ;;                     # JSON fields of this run's history lines
            --restore-tag) restore_tag=$2 ;;
            --restore-image) restore_image=$2 ;;
            --restore-image-id) restore_image_id=$2 ;; # empty: there is nothing to go back to
            --restore-config) restore_config=$2 ;;     # run whose kept configuration is used; may be empty
            --keep) keep=$2 ;;                         # tags that stay; "all": every one
            --kept-repository) kept_repository=$2 ;;   # deployctl/SERVICE
            --releases-kept) releases_kept=$2 ;;       # configurations
            --cancel) cancel=$2 ;;                     # follow: yes: a run not begun never will
            --watch) watch=$2 ;;                       # follow: no: only say how it stands
            *)
                echo "transact.sh: unknown option $1" >&2
                exit 2
                ;;
        esac
        shift 2
        option_words=$((option_words + 2))
    done
}

# ---------------------------------------------------------------- foreground

begin() {
    cd "$directory" || return 1
    prepare_state_directory || {
        say_unwritable
        return 0
    }
    exec 9>>"$state/lock"
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
    env_file_is_ours || return 0
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

# A probe or a follower holds the lock for an instant, and a run that has its outcome until it has
# tidied up: those are no holders.
take_lock() {
    attempts=0 strange=0
    until flock -n 9; do
        attempts=$((attempts + 1))
        if [ "$attempts" -lt 5 ]; then
            sleep 0.1
        elif is_held_by_a_run; then
            strange=0
            { [ "$attempts" -lt 100 ] && holder_is_done && sleep 0.1; } ||
                wait_turn holder "$(cat "$state/lock")" || return 1
        else
            # One run may have ended, and another begun, since the lock was tried.
            strange=$((strange + 1))
            { [ "$strange" -lt 3 ] && sleep 0.1; } ||
                wait_turn stranger "$(show_who_locks "$state/lock")" || return 1
        fi
    done
}

# Into the locked file: the name is never replaced.
name_holder() {
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
    there=$state
    until [ -e "$there" ]; do
        there=$(dirname "$there")
    done
    if [ -d "$there" ] && [ -w "$there" ] && ! finds_room "$there"; then
        say_encoded refused disk-full "$state
$(df -Pk "$there")"
    else
        say '{"event":"refused","what":"state-directory"}'
    fi
}

# What the gates decided on must still hold, now that nobody else can change it.
nothing_changed() {
    if [ "$ignore_hold" = no ] && { [ -e "$state/holds/$service" ] || [ -L "$state/holds/$service" ]; }; then
        say_encoded changed hold "$(cat "$state/holds/$service")"
        return 1
    fi
    if [ "$(($(wc -c <"$history")))" != "$expect_history" ]; then
        say_encoded changed history "$(tail -n 1 "$history")"
        return 1
    fi
    # The two slow questions at once. The one in the background must not keep the lock.
    resolve_configuration "$@" 9>&- &
    containers_now=$(service_containers)
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
        answer=$(limited env "$tag_variable=$placeholder" "$@" --profile '*' config --format json \
            2>>"$run_directory/log") || exit 1
        hash=$(printf '%s\n' "$answer" | sha256sum)
        [ "${hash%% *}" = "$expect_files" ] || exit 1
        # Kept after a success. Where there is no room for it, the run itself goes on.
        printf '%s\n' "$answer" | sed "s/$placeholder/$tag/g" >"$run_directory/release.yml" || :
    )
}

detach() {
    # shellcheck disable=SC2016 # the inner shell expands it
    setsid sh -c 'eval "$1"' "deployctl-$run" "$script" change "$@" \
        </dev/null >>"$run_directory/log" 2>&1 &
    # From here on only the detached part holds the lock.
    exec 9>&-
}

# ---------------------------------------------------------------- following

follow_run() {
    # The directory may not be there yet either: then the claim makes it.
    if [ "$cancel" = yes ] && prepare_state_directory && claim_run cancelled; then
        say '{"event":"cancelled"}'
    elif is_closed "$state" || is_closed "$state/runs"; then
        say '{"event":"refused","what":"state-closed"}'
    elif ! [ -d "$run_directory" ]; then
        say '{"event":"unknown-run"}'
    elif grep -q '^cancelled' "$run_directory/claim" 2>/dev/null; then
        say '{"event":"cancelled"}'
    elif [ "$watch" = no ] && ! [ -e "$run_directory/outcome" ] && lock_is_ours; then
        say '{"event":"begun"}'
    else
        follow
    fi
}

# Whether another user's directory keeps this one from seeing what is in it.
is_closed() {
    [ -d "$1" ] && ! [ -x "$1" ]
}

# Passes the run's events on until its outcome is there or nobody holds the lock for it.
follow() {
    rounds=0
    until [ -e "$run_directory/events" ] || run_ended; do
        sleep 0.02
    done
    if [ -e "$run_directory/events" ]; then
        pass_events_on <"$run_directory/events"
    fi
    say_outcome
}

pass_events_on() {
    ended=no
    partial=
    while :; do
        while read -r line; do
            say "$partial$line"
            partial=
        done
        partial=$partial$line
        [ "$ended" = no ] || return 0
        # Once more after the end, for what was written in between.
        if run_ended; then
            ended=yes
        else
            sleep 0.02
        fi
    done
}

# The marker at each look; the lock, which takes processes to ask, less often.
run_ended() {
    [ ! -e "$run_directory/outcome" ] || return 0
    rounds=$((rounds + 1))
    [ "$((rounds % 40))" -eq 0 ] && ! lock_is_ours
}

# Whether a process of this run holds the lock, be it the change or a child that outlived it. Who
# else holds it must not keep a follower waiting for a run that was killed.
lock_is_ours() {
    look_at_lock
    # shellcheck disable=SC2154 # look_at_lock has set it
    [ "$lock" = held ] && grep -qF "\"run\":\"$run\"" "$state/lock"
}

say_outcome() {
    if [ -s "$run_directory/outcome" ]; then
        say_encoded outcome entry "$(cat "$run_directory/outcome")"
    else
        say_encoded ended entry "$(grep -F "\"run\":\"$run\"" "$history" | tail -n 1)"
    fi
}

say() {
    printf '%s\n' "$1"
}

# say_encoded EVENT NAME TEXT
say_encoded() {
    printf '{"event":"%s","what":"%s","text":"%s"}\n' "$1" "$2" "$(printf '%s' "$3" | encode)"
}

encode() {
    base64 | tr -d '\n'
}

# ---------------------------------------------------------------- detached

change() {
    began=$(uptime)
    reason=
    touched=no
    stale_ids=
    cd "$directory" || return 1
    if ! { record_found && append started; }; then
        refuse_unrecorded
        return 1
    fi
    if release "$@" && keep_tag "$tag"; then
        keep_configuration
        settle succeeded
        limited docker tag "$image_id" "$kept_image"
        prune_images
    else
        show_what_failed
        put_back "$@"
    fi
    prune_files
}

# Nothing was changed yet, and what cannot be recorded is not begun.
refuse_unrecorded() {
    event '{"event":"refused","what":"history"}'
    : >"$run_directory/outcome"
}

# Runs that an earlier command left without an outcome, and that nobody works on any more.
record_found() {
    [ -n "$found" ] || return 0
    while read -r fields; do
        append_line interrupted "$fields" || return 1
    done <<FOUND
$found
FOUND
}

release() {
    step tag && point_tag &&
        start_dependencies "$@" &&
        step up && compose_up "$@" &&
        step health && wait_until_healthy "$image_id"
}

point_tag() {
    limited docker tag "$image_id" "$image" || fail tag-failed
}

# Only services that are not on the host: those that are there are never touched.
start_dependencies() {
    [ -z "$dependencies" ] || step dependencies
    for dependency in $dependencies; do
        with_tag "$tag" "$@" up -d --no-recreate --no-build "$dependency" || {
            fail dependency-failed
            return 1
        }
        wait_for_dependency "$dependency" || {
            fail dependency-unhealthy
            return 1
        }
    done
}

compose_up() {
    remove_half_made
    touched=yes
    if [ "$recreate" = yes ]; then
        set -- "$@" up -d --force-recreate
    else
        set -- "$@" up -d
    fi
    compose_up_service "$tag" "$@" || fail up-failed
}

# A recreate that was cut off, by a power cut say, leaves a new container that never started: the
# next one fails on its name, or takes it for the service. Told by what it is, not by its name,
# and without force: docker removes nothing that runs.
remove_half_made() {
    case $expect_containers in
        *" down"*) ;;
        *) return 0 ;;
    esac
    half_made=$(container_ids "$service" --filter status=created --filter label=com.docker.compose.replace)
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$half_made" ] || limited docker rm $half_made
}

# compose_up_service TAG COMMAND…: nothing but the service is made anew. With --no-deps compose does
# not even look at what it needs, but leaves it out of the service's hash, too: the next plain `up`
# by hand would then recreate the service.
compose_up_service() {
    [ "$alone" = no ] || set -- "$@" --no-deps
    with_tag "$@" --no-build --pull never "$service"
}

with_tag() {
    tag_value=$1
    shift
    (umask 022 && exec timeout -k 10 "$up_limit" env "$tag_variable=$tag_value" "$@")
}

fail() {
    reason=$1
    return 1
}

# ---------------------------------------------------------------- health

# Polls instead of `up --wait`, which looks twice a second only and takes a crash loop for running.
wait_until_healthy() {
    wanted=$1
    give_up=$(($(uptime) + health_timeout))
    seen=
    while :; do
        look
        case $verdict in
            ready)
                if stayed_up; then
                    event "{\"event\":\"well\",\"what\":\"$health_known\"}"
                    return 0
                fi
                ;;
            waiting) seen= ;;
            *)
                fail "$verdict"
                return 1
                ;;
        esac
        [ "$(uptime)" -lt "$give_up" ] || {
            say_too_late
            fail health-timeout
            return 1
        }
        sleep 0.05
    done
}

# A service without a health check must stay up for a while, without a restart.
stayed_up() {
    if [ "$state_now" != "$seen" ]; then
        seen=$state_now
        seen_since=$(uptime)
    fi
    [ "$(($(uptime) - seen_since))" -ge "$stable_needed" ]
}

# Sets verdict to ready, waiting or the reason of a failure, from one look at the containers.
look() {
    verdict=waiting
    state_now=$(service_state) || return 0
    containers=0
    stable_needed=$stable_checked
    health_known=checked
    outlook=ready
    while read -r id content status restarts health started; do
        [ -n "$id" ] || continue
        containers=$((containers + 1))
        judge_container
    done <<STATE
$state_now
STATE
    # Fewer than asked for: they may still be on their way.
    if [ "$outlook" != ready ] || [ "$containers" -ge "$replicas" ]; then
        verdict=$outlook
    fi
}

judge_container() {
    case $status/$health in
        running/healthy) ;;
        running/none)
            stable_needed=$stable_unchecked
            health_known=unchecked
            ;;
        running/unhealthy)
            outlook=unhealthy
            return
            ;;
        running/* | created/* | restarting/*) [ "$outlook" != ready ] || outlook=waiting ;;
        *)
            outlook=exited
            return
            ;;
    esac
    if [ "$restarts" -ge "$restarts_tolerated" ]; then
        outlook=crash-loop
    elif [ "$content" != "$wanted" ]; then
        outlook=other-image
    elif is_stale "$id"; then
        outlook=not-recreated
    fi
    : "$started" # part of the state that must not change
}

is_stale() {
    case " $stale_ids " in
        *" $1 "*) return 0 ;;
        *) return 1 ;;
    esac
}

# Up, or a one-shot that ended well.
wait_for_dependency() {
    give_up=$(($(uptime) + health_timeout))
    while [ "$(uptime)" -lt "$give_up" ]; do
        # Word splitting is wanted: the ids are hex digits.
        # shellcheck disable=SC2046
        case $(limited docker inspect --format \
            '{{.State.Status}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' \
            $(container_ids "$1")) in
            "running 0 healthy" | "running 0 none" | "exited 0 "*) return 0 ;;
            *) sleep 0.1 ;;
        esac
    done
    say_too_late
    return 1
}

# For how long it was waited, as the inventory may say something else by the time that it is told.
say_too_late() {
    event "{\"event\":\"gave-up\",\"seconds\":$(in_seconds "$health_timeout")}"
}

# container_ids SERVICE FILTER…
container_ids() {
    of_service=$1
    shift
    limited docker ps -aq --no-trunc \
        --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$of_service" \
        --filter label=com.docker.compose.oneoff=False "$@"
}

# inspect_service FORMAT: a line for each of the service's containers.
inspect_service() {
    ids=$(container_ids "$service") || return 1
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$ids" ] || limited docker inspect --type container --format "$1" $ids
}

service_state() {
    inspect_service '{{.ID}} {{.Image}} {{.State.Status}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{.State.StartedAt}}'
}

service_containers() {
    inspect_service '{{.ID}} {{.Image}} {{if .State.Paused}}down{{else if or .State.Running .State.Restarting}}up{{else}}down{{end}}' | sort
}

# ---------------------------------------------------------------- restore

put_back() {
    failure=$reason
    if [ -z "$restore_image_id" ]; then
        settle broken
    elif [ "$touched" = no ] && still_runs && limited docker tag "$restore_image_id" "$restore_image"; then
        settle restored
    else
        step restore
        if restore "$@" || restore "$@"; then
            # The file still names what was there before; this is for one that named nothing.
            keep_tag "$restore_tag"
            reason=$failure
            settle restored
        else
            restore_failure=$reason
            reason=$failure
            event "{\"event\":\"restore-failed\",\"reason\":\"$restore_failure\"}"
            settle broken
        fi
    fi
}

# The failure came before the service was touched.
still_runs() {
    wanted=$restore_image_id
    look
    [ "$verdict" = ready ]
}

# Back to what ran, not merely to its tag. dockerd may still be stopping the old container for
# a compose that is gone, so only a container made from now on counts.
restore() {
    stop_service
    remove_leftovers
    # In one line, for is_stale.
    stale_ids=$(container_ids "$service" | tr '\n' ' ')
    limited docker tag "$restore_image_id" "$restore_image" || {
        fail tag-failed
        return 1
    }
    restore_up "$@" || {
        fail up-failed
        return 1
    }
    wait_until_healthy "$restore_image_id"
}

stop_service() {
    ids=$(container_ids "$service")
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    [ -z "$ids" ] || timeout -k 10 "$up_limit" docker stop $ids
}

# A recreate that was cut off leaves the new container under the name <12 hex digits>_NAME.
remove_leftovers() {
    inspect_service '{{.ID}} {{.Name}}' | while read -r id name; do
        # The pattern is meant to match.
        # shellcheck disable=SC2254
        case $name in
            /$hex4$hex4${hex4}_*) limited docker rm -f "$id" ;;
            *) ;;
        esac
    done
}

# With the release's own configuration where the compose files have changed since.
restore_up() {
    kept=$state/releases/$service/$restore_config.yml
    if [ -n "$restore_config" ] && [ -r "$kept" ]; then
        alone=yes
        set -- docker compose -p "$project" --project-directory "$(dirname "$4")" -f "$kept"
    fi
    compose_up_service "$restore_tag" "$@" up -d --force-recreate
}

# ---------------------------------------------------------------- the tag in .env

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

# ---------------------------------------------------------------- the record

# settle EVENT: the outcome, first in the history, then for those who follow.
settle() {
    append "$1" || event '{"event":"not-recorded"}'
    mark_outcome || { free_reserve && mark_outcome; } || rm -f "$run_directory/outcome.new"
}

mark_outcome() {
    printf '%s\n' "$entry" >"$run_directory/outcome.new" &&
        mv "$run_directory/outcome.new" "$run_directory/outcome"
}

append() {
    append_line "$1" "$record"
}

# append_line EVENT FIELDS: FIELDS is JSON without its braces, made by the client.
append_line() {
    entry=$(printf '{"v":1,"seq":%s,"at":"%s","event":"%s",%s,"reason":"%s","seconds":%s}' \
        "$seq" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$2" "$reason" "$(seconds_since_start)")
    size_before=$(($(wc -c <"$history")))
    if ! append_synced; then
        # The disk is full: this is what the reserve is for.
        free_reserve
        is_appended || { take_back_half_a_line && append_synced; } || {
            take_back_half_a_line
            return 1
        }
    fi
    seq=$((seq + 1))
}

# What there was room for. Nobody else appends: the lock is held.
take_back_half_a_line() {
    dd if=/dev/null of="$history" bs=1 seek="$size_before" conv=fsync 2>/dev/null
}

# Whether only the syncing failed: the same line twice would look like a line put in by hand.
is_appended() {
    [ "$(tail -n 1 "$history")" = "$entry" ] && sync "$history"
}

# One write, so that a line is there whole or torn, never mixed; then on the disk. A torn end of
# an earlier write is closed first, never glued to.
append_synced() {
    newline=
    if [ -s "$history" ] && [ "$(tail -c 1 "$history" | wc -l)" -eq 0 ]; then
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

seconds_since_start() {
    in_seconds "$(($(uptime) - began))"
}

in_seconds() {
    printf '%d.%02d' "$(($1 / 100))" "$(($1 % 100))"
}

keep_configuration() {
    mkdir -p "$state/releases/$service" &&
        mv "$run_directory/release.yml" "$state/releases/$service/$run.yml"
}

# ---------------------------------------------------------------- afterwards

# Tags that are no rollback target any more. Never by force: docker keeps what is in use.
prune_images() {
    [ "$keep" != all ] || return 0
    # Word splitting is wanted: a tag has no blank, and nothing that the shell would expand.
    # shellcheck disable=SC2013,SC2046
    for old in $(limited docker image ls --format '{{.Tag}}' "$kept_repository"); do
        case $old in
            *[!0-9A-Za-z_.-]*) continue ;;
            *) ;;
        esac
        case " $keep " in
            *" $old "*) ;;
            *) forget "$old" ;;
        esac
    done
}

forget() {
    limited docker image rm "$kept_repository:$1"
    used_by_others "$1" || limited docker image rm "${image%:*}:$1"
}

# Services may share a repository: what a container was made of, or another service keeps, stays
# under its name. What cannot be asked stays, too.
used_by_others() {
    users=$(limited docker ps -aq --filter "ancestor=${image%:*}:$1" &&
        limited docker image ls --format '{{.Repository}}' --filter "reference=${kept_repository%/*}/*:$1") || return 0
    [ -n "$users" ]
}

prune_files() {
    # The patterns are meant to match.
    # shellcheck disable=SC2086
    {
        [ "$keep" = all ] || keep_newest "$releases_kept" "$state/releases/$service"/$run_pattern.yml
        keep_newest "$runs_kept" "$state/runs"/$run_pattern
    }
}

# keep_newest COUNT PATH…: what else lies there is not of deployctl's making, and stays. No name is
# taken from a list that somebody printed.
# shellcheck disable=SC3013 # -ot: dash and BusyBox have it
keep_newest() {
    kept_count=$1
    shift
    while [ "$#" -gt "$kept_count" ]; do
        oldest=$1
        for path; do
            ! [ "$path" -ot "$oldest" ] || oldest=$path
        done
        rm -rf -- "$oldest"
        for path; do
            shift
            [ "$path" = "$oldest" ] || set -- "$@" "$path"
        done
    done
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

# ---------------------------------------------------------------- events

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

# Without the lock: what watches the time in BusyBox outlives the call by a second.
limited() {
    timeout -k 5 "$docker_limit" "$@" 9>&-
}

# In centiseconds. The 1 in front keeps "05" from being read as octal.
uptime() {
    read -r up _ </proc/uptime
    echo "$((${up%.*} * 100 + 1${up#*.} - 100))"
}

main "$@"
