#!/bin/sh
# Says what deployctl needs to know about a host and a Compose project on it. Changes nothing.
#
# usage: probe.sh MODE DIRECTORY STATE_DIRECTORY SERVICE TAG_VARIABLE PLACEHOLDER ENV_FILE
#                 COMPOSE_FILE...
#
#   MODE      status: what runs and what is recorded; change: also all that a deploy depends on
#   ENV_FILE  the project's .env, where the tag is to be kept in it; empty: it is not
#
# Each line of the output is one fact, a JSON object: {"fact": NAME, …}. What a command or a
# file says travels as base64, byte for byte, because nothing on the host is trusted to be text.

history_bytes=262144 # of the history's end; about 200 runs

main() {
    mode=$1 directory=$2 state=$3 service=$4 tag_variable=$5 placeholder=$6 env_file=$7
    shift 7
    host_fact
    tools_fact
    path_facts "$@"
    cd "$directory" 2>/dev/null || return 0
    project_directory=$(dirname "$1") # which is what Compose takes for it
    command -v docker >/dev/null && command -v timeout >/dev/null || return 0
    # The slow `compose config` runs beside the other facts: cat passes it on at the end.
    compose_facts "$@" | {
        docker_facts
        state_facts
        cat
    }
}

host_fact() {
    read -r uptime _ </proc/uptime
    printf '{"fact":"host","user":"%s","group":"%s","now":"%s","uptime":%s}\n' \
        "$(id -un)" "$(id -gn)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$uptime"
}

tools_fact() {
    missing=
    for tool in docker flock setsid timeout sha256sum base64 dd sed tail; do
        command -v "$tool" >/dev/null || missing="$missing${missing:+,}\"$tool\""
    done
    printf '{"fact":"tools","missing":[%s]}\n' "$missing"
}

# The directory is path 0, the compose files follow in their order.
path_facts() {
    path_fact 0 "$directory" directory
    index=0
    for file; do
        index=$((index + 1))
        case $file in
            /*) path_fact "$index" "$file" file ;;
            *) path_fact "$index" "$directory/$file" file ;;
        esac
    done
}

path_fact() {
    if ! [ -e "$2" ]; then
        path_state=missing
    elif [ "$3" = directory ] && ! [ -d "$2" ] || [ "$3" = file ] && ! [ -f "$2" ]; then
        path_state=wrong-kind
    elif ! [ -r "$2" ]; then
        path_state=unreadable
    else
        path_state=ok
    fi
    printf '{"fact":"path","index":%s,"state":"%s"}\n' "$1" "$path_state"
}

# The two lists at once; cat passes the first on when the second is there.
docker_facts() {
    emit images limited docker image ls --digests --no-trunc \
        --format '{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}}' | {
        emit containers list_containers
        cat
    }
}

# Every Compose container on the host: the caller picks the project's. While another run
# recreates one, it may vanish after it was listed: then all are asked for again.
list_containers() {
    attempts=5
    while :; do
        ids=$(limited docker ps -aq --no-trunc --filter label=com.docker.compose.service) || break
        [ -n "$ids" ] || return 0
        found=$(inspect_containers)
        inspected=$?
        if [ "$inspected" -eq 0 ]; then
            printf '%s\n' "$found"
            return 0
        fi
        attempts=$((attempts - 1))
        # From 124 on, docker did not answer in time: it will not the next time, either.
        if [ "$inspected" -ge 124 ] || [ "$attempts" -eq 0 ]; then
            break
        fi
    done
    socket_state
    return 1
}

inspect_containers() {
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    limited docker inspect --type container --format \
        '{"id":{{json .ID}},"name":{{json .Name}},"reference":{{json .Config.Image}},"image_id":{{json .Image}},"store":{{json .Driver}},"labels":{{json .Config.Labels}},"status":{{json .State.Status}},"started_at":{{json .State.StartedAt}},"exit_code":{{json .State.ExitCode}},"restarts":{{json .RestartCount}},"stop_grace":{{json .Config.StopTimeout}},"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}null{{end}}}' \
        $ids
}

# Why docker does not answer, decided by what can be seen, not by its words.
socket_state() {
    socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
    socket=${socket#unix://}
    case $socket in
        /*) ;;
        *)
            echo remote
            return
            ;;
    esac
    if ! [ -S "$socket" ]; then
        echo missing
    elif ! [ -w "$socket" ]; then
        echo denied
    else
        echo silent
    fi
}

# Compose takes its time to start: what is asked of it, it is asked at once.
compose_facts() {
    [ "$mode" = change ] || return 0
    emit hashes compose_hashes "$@" | {
        emit config compose_config "$@"
        [ "$status" = 0 ] || emit compose limited docker compose version --short
        cat
    }
}

# What Compose would write on each service's containers today: "SERVICE HASH" lines.
compose_hashes() {
    file_count=$#
    for file; do
        set -- "$@" -f "$file"
    done
    shift "$file_count"
    limited env "$tag_variable=$placeholder" docker compose "$@" --profile '*' config --hash '*' 2>/dev/null
}

# The resolved configuration, with a placeholder as the tag: it says which image the tag
# makes, and its hash does not depend on the tag.
compose_config() {
    file_count=$#
    for file; do
        set -- "$@" -f "$file"
    done
    shift "$file_count"
    # On failure what it says is the evidence, on success only its answer.
    answer=$(limited env "$tag_variable=$placeholder" docker compose "$@" --profile '*' config --format json 2>/dev/null) ||
        {
            limited env "$tag_variable=$placeholder" docker compose "$@" --profile '*' config --quiet 2>&1
            return 1
        }
    printf '%s\n' "$answer"
}

state_facts() {
    # Twice: of a run that ends in between, the history that was read may lack the outcome, and of
    # one that begins, the first look cannot know. Neither was interrupted.
    state_fact
    look_at_holder
    history_fact
    [ "$lock" = held ] || look_at_holder
    lock_fact
    emit hold show_hold "$state/holds/$service"
    [ "$mode" = change ] || return 0
    emit foreign foreign_files
    state_access_fact
    emit disk df -Pk "$directory"
    emit kept-tag kept_tag
    [ -z "$env_file" ] || emit env-file env_file_problems "$env_file"
    logout_fact
}

# The value of the tag's variable that a plain `docker compose up` would take, and nothing else of
# the file: it holds secrets. As transact.sh writes it.
kept_tag() {
    [ -r "$project_directory/.env" ] || return 0
    sed -nE "s/^[[:space:]]*(export[[:space:]]+)?${tag_variable}[[:space:]]*=[[:blank:]]*(sha-[0-9a-f]+)([[:space:]].*)?\$/\\2/p" \
        "$project_directory/.env" | tail -n 1
}

# Any file is a hold, an empty one too; what is no file is one that cannot be read.
show_hold() {
    if [ -f "$1" ]; then
        head -c 65536 "$1" && echo
    else
        ! [ -e "$1" ] && ! [ -L "$1" ]
    fi
}

# The size first: a line that is appended in between is then seen as a change later on.
history_fact() {
    size=0
    if [ -e "$state/history.jsonl" ]; then
        size=$(wc -c <"$state/history.jsonl") || size=0
    fi
    printf '{"fact":"history-size","bytes":%s}\n' "$((size))"
    emit history history_tail "$((size))"
}

history_tail() {
    ! state_is_closed || return 1
    [ -e "$state/history.jsonl" ] || return 0
    head -c "$1" "$state/history.jsonl" | tail -c "$history_bytes"
    [ -f "$state/history.jsonl" ] && [ -r "$state/history.jsonl" ]
}

look_at_holder() {
    look_at_lock
    if [ "$lock" = held ] && holder_is_done; then lock=free; fi
}

lock_fact() {
    printf '{"fact":"lock","state":"%s"}\n' "$lock"
    case $lock in
        held) emit holder show_holder ;;
        stranger) emit stranger show_who_locks "$state/lock" ;;
        *) ;;
    esac
}

# Where the directory is another user's: whose, and whether this one may look into it.
# shellcheck disable=SC3067 # -O: dash and BusyBox have it
state_fact() {
    if [ -d "$state" ] && ! [ -O "$state" ]; then
        emit state-owner owner_of "$state"
    fi
}

owner_of() {
    read -r _ _ owner _ <<LISTED
$(ls -ldL "$1")
LISTED
    printf '%s\n' "$owner"
}

# Nothing in it can be seen, not even that there is something.
state_is_closed() {
    [ -d "$state" ] && ! [ -x "$state" ]
}

# What another user (root, most often) made there makes a later write fail. A name may have
# anything in it, line breaks, too: each ends with a NUL.
foreign_files() {
    [ -d "$state" ] || return 0
    # shellcheck disable=SC2016 # the inner shell expands it
    find "$state" -maxdepth 1 ! -user "$(id -u)" \
        -exec sh -c 'printf "%s\\0" "$@"' names {} + 2>/dev/null | head -c 4096
}

state_access_fact() {
    access=ok
    if [ -e "$state" ]; then
        [ -w "$state" ] || access=not-writable
    else
        [ -w "$(nearest_directory "$state")" ] || access=not-there
    fi
    printf '{"fact":"state","access":"%s"}\n' "$access"
}

# Whether logind kills what this user leaves running when the SSH session ends: setsid does
# not leave the session's scope.
logout_fact() {
    kills=no
    if [ -d /run/systemd/system ] && grep -q 'session-.*\.scope' /proc/self/cgroup 2>/dev/null; then
        if timeout 5 loginctl show-session -p KillUserProcesses 2>/dev/null | grep -q yes &&
            ! [ -e "/var/lib/systemd/linger/$(id -un)" ]; then
            kills=yes
        fi
    fi
    printf '{"fact":"logout","kills":"%s"}\n' "$kills"
}

main "$@"
