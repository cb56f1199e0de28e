#!/bin/sh
# Brings the image of a tag to the host and says what it is. What runs is not touched.
#
# usage: fetch.sh IMAGE KEPT_IMAGE LIMIT SERVER USERNAME KEY [NAME=VALUE...]
#
#   IMAGE       what the compose files call it: REPOSITORY:TAG
#   KEPT_IMAGE  the name under which it is protected from `docker image prune`, made anew here
#   LIMIT       seconds for the pull
#   SERVER      its registry, as docker's own configuration calls it
#   USERNAME    to log in with there, the password being on standard input; empty: as the host is
#   KEY         public key (PEM) whose signature over the digest is looked for; empty: none is
#   NAME=VALUE  annotations that the signature must have
#
# If the pull moves IMAGE to other content, it is put back before this returns: a refused deploy
# leaves no tag that stands for something else than it did. The lines printed are facts, as in
# probe.sh; those called "layer" say how far the pull is, while it goes on.

cosign_limit=30 # seconds for one look at one digest; fetch_command waits for three at each of five
login_blocks=4  # of 4 KiB: what a login takes at most

main() {
    image=$1 kept_image=$2 limit=$3 server=$4 username=$5 key=$6
    shift 6
    # The name must be put back even if the client is gone by then.
    trap '' HUP INT TERM PIPE
    remove_left_logins
    if [ -n "$username" ]; then
        IFS= read -r password
        places_seen=0 misses=
        with_login "$@"
    else
        fetch "$@"
    fi
}

fetch() {
    before=$(image_id "$image")
    pull_and_tell
    if [ "$status" != 0 ]; then
        [ -n "$username" ] || emit own-login is_logged_in
        return 0
    fi
    keep || { pull >/dev/null && keep; }
    emit image show_image
    put_back
    [ -z "$key" ] || verify_signatures "$@"
}

# Until it has our name, a run of another project may remove it, because nobody uses it.
keep() {
    after=$(image_id "$image")
    limited docker tag "$after" "$kept_image"
}

put_back() {
    if [ -n "$before" ] && [ "$before" != "$after" ]; then
        limited docker tag "$before" "$image"
    fi
}

# ---------------------------------------------------------------- pull

# Prints the fact "pull", and before it, while docker works, the facts "layer".
pull_and_tell() {
    { status=$({ {
        pull
        echo $? >&3
    } | tell >&4; } 3>&1); } 4>&1
    printf '","status":%s}\n' "$status"
}

# Its words go along: they are the evidence when it fails.
pull() {
    timeout -k 5 "$limit" docker pull "$image" 2>&1 7>&- 8>&-
}

# Reads docker's words to their end, however many there are, but does not pass on all of millions.
# The login's descriptors are given up for good: what this starts may outlive the shell.
tell() {
    exec 7>&- 8>&-
    said=$({
        dd bs=512 count=8000 2>/dev/null | tell_layers
        tail -c 4096
    } | base64)
    printf '{"fact":"pull","output":"'
    # shellcheck disable=SC2086 # so its lines become one
    printf '%s' $said
}

# Passes all lines on, and says on descriptor 4 what they tell of a layer. Nothing there may end
# the pull or what follows: not even that nobody listens any more.
tell_layers() {
    left=1000 second=
    while IFS= read -r line || [ -n "$line" ]; do
        printf '%s\n' "$line"
        [ "${#line}" -le 150 ] || continue
        name=${line%%: *} words=${line#*: }
        case $name in
            *[!0-9a-f]*) ;;
            ????????????) tell_words ;;
            *) ;;
        esac
    done
}

# Without a terminal, docker leaves the bytes out; something else of that name may say them.
tell_words() {
    case $words in
        "Pulling fs layer" | Waiting | "Download complete" | "Pull complete" | "Already exists")
            tell_layer "$words"
            ;;
        Downloading*" "*B/*B) tell_bytes "${words##* }" ;;
        *) ;;
    esac
}

# At most once a second.
tell_bytes() {
    read -r now _ </proc/uptime
    [ "${now%.*}" != "$second" ] || return 0
    case $1 in
        *[!0-9A-Za-z./]*) ;;
        *)
            second=${now%.*}
            tell_layer "$1"
            ;;
    esac
}

tell_layer() {
    [ "$left" -gt 0 ] || return 0
    left=$((left - 1))
    printf '{"fact":"layer","id":"%s","is":"%s"}\n' "$name" "$1" >&4 2>/dev/null || left=0
}

# ---------------------------------------------------------------- login

# The login lives in a directory of its own for as long as this runs. It is removed by a process
# in another session, which waits for the end of a pipe: however this one ends, SIGKILL included,
# the kernel closes the pipe. What a power cut or a kill of both leaves is in memory (tmpfs) where
# there is such a place, and the next fetch removes it.
#
# The first place that takes it is used. Called again, it goes on with the places that are left.
with_login() {
    while next_place; do
        make_login || continue
        # The pipe is descriptor 7, the lock 8: what a killed shell leaves behind must not have them.
        # shellcheck disable=SC2016 # the inner shell expands it
        {
            fetch_logged_in "$@" 7>&1 >&5 5>&- |
                setsid sh -c 'cat >/dev/null; rm -rf -- "$1"' cleaner "$login" >/dev/null 2>&1 5>&- 7>&- 8>&-
        } 5>&1
        return
    done
    emit login-place refuse_places
}

fetch_logged_in() {
    keep_endpoint
    DOCKER_CONFIG=$login
    export DOCKER_CONFIG
    emit login log_in
    if [ "$status" = 0 ]; then
        fetch "$@"
    elif ! login_has_room; then
        # Somebody filled the place since it was looked at: what docker said is about that.
        note_miss full
        with_login "$@"
    fi
}

# Sets place to the next one that this user can trust, and can write in. In memory first, and
# first of all where nobody else can fill it.
next_place() {
    while :; do
        places_seen=$((places_seen + 1))
        case $places_seen in
            1) place=${XDG_RUNTIME_DIR-} ;;
            2) place=/dev/shm ;;
            3) place=/tmp ;;
            *) return 1 ;;
        esac
        if keeps_what_is_ours "$place" && is_worth_a_login "$place"; then
            return 0
        fi
    done
}

# Whether what is ours in PLACE cannot be renamed, replaced or removed by another user.
# shellcheck disable=SC3065,SC3067 # -k, -O: dash and BusyBox have them
keeps_what_is_ours() {
    case $1 in
        /*) ;;
        *) return 1 ;;
    esac
    [ -d "$1" ] || return 1
    [ -k "$1" ] || { [ -O "$1" ] && ! [ -L "$1" ] && is_closed "$1"; }
}

is_closed() {
    [ -n "$(find "$1" -prune -perm 700)" ]
}

is_worth_a_login() {
    case $1 in
        /dev/shm | /tmp) ;;
        *) is_in_memory "$1" || return 1 ;;
    esac
    [ -w "$1" ] || {
        note_miss not-writable
        return 1
    }
}

is_in_memory() {
    df -P "$1" 2>/dev/null | tail -n 1 | grep -q '^tmpfs '
}

# The name cannot be taken beforehand. Until it is locked, another fetch may take the directory for
# one that was left behind, and remove it.
make_login() {
    for _ in 1 2 3 4 5; do
        login=$(mktemp -d "$place/deployctl-login.XXXXXX" 2>/dev/null) || break
        if lock_login && login_has_room; then
            return 0
        fi
        rm -rf -- "$login"
    done
    note_miss full
    return 1
}

# A lock that dies with its holders tells a login that is in use from one that was left behind.
lock_login() {
    { command exec 8>"$login/lock"; } 2>/dev/null && flock -n 8 && [ -e "$login/lock" ]
}

# For the two files that docker writes, with some to spare.
login_has_room() {
    dd if=/dev/zero of="$login/room" bs=4096 count="$login_blocks" 2>/dev/null
    had_room=$?
    rm -f "$login/room"
    return "$had_room"
}

# note_miss WORD: why the login is not in this place.
note_miss() {
    case $misses in
        *" $place
"*) ;;
        *)
            misses="$misses$1 $place
"
            ;;
    esac
}

refuse_places() {
    printf '%s' "$misses"
    return 1
}

# What a kill of everything left, also the version before, which named them by user and process.
# No name is taken from a list: a pattern finds them, and only what is this user's own is touched.
remove_left_logins() {
    letter='[0-9A-Za-z]'
    letters=$letter$letter$letter$letter$letter$letter
    user_id=$(id -u)
    for place in "${XDG_RUNTIME_DIR-}" /dev/shm /tmp; do
        keeps_what_is_ours "$place" || continue
        # The patterns are meant to match.
        # shellcheck disable=SC2086
        for left in "$place"/deployctl-login.$letters "$place/deployctl-login-$user_id-"[0-9]*; do
            if is_left_login "$left"; then
                (flock -n 8 && rm -rf -- "$left") 8>"$left/lock"
            fi
        done 2>/dev/null
    done
}

# One that others may write into is none: they can have moved it there, whatever is in it.
# shellcheck disable=SC3067 # -O: dash and BusyBox have it
is_left_login() {
    case ${1##*/deployctl-login[.-]} in
        "$user_id-"*[!0-9]*) return 1 ;;
        *) [ -d "$1" ] && ! [ -L "$1" ] && [ -O "$1" ] && is_closed "$1" ;;
    esac
}

# The user's own configuration is left out, but which docker it talks to must stay the same.
keep_endpoint() {
    if [ -z "${DOCKER_HOST-}" ] && [ -d "${DOCKER_CONFIG:-${HOME-}/.docker}/contexts" ]; then
        DOCKER_HOST=$(limited docker context inspect --format '{{.Endpoints.docker.Host}}') || return 0
        unset DOCKER_CONTEXT
        export DOCKER_HOST
    fi
}

# An entry beforehand keeps docker from handing the password to a credential store of the user's.
log_in() {
    printf '{"auths":{"%s":{}}}\n' "$server" >"$login/config.json"
    printf '%s\n' "$password" |
        limited docker login --username "$username" --password-stdin "$server" 2>&1 7>&- 8>&-
}

# Whether the user is logged in there, as far as the configuration tells.
is_logged_in() {
    own=${DOCKER_CONFIG:-${HOME-}/.docker}/config.json
    [ -r "$own" ] && grep -q -F -e "\"$server\"" -e '"credsStore"' "$own"
}

# ---------------------------------------------------------------- signature

# Over the digest, and as the registry has it: nothing on this host is taken for granted.
verify_signatures() {
    if ! command -v cosign >/dev/null; then
        printf '{"fact":"cosign","output":"","status":1}\n'
        return 0
    fi
    for annotation; do
        set -- "$@" --annotations "$annotation"
        shift
    done
    repo_digests | while read -r reference; do
        emit "signature ${reference##*@}" verify "$@" "$reference" </dev/null
    done
}

repo_digests() {
    limited docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$after" |
        grep -x -E "[^@\"\\\\]+@sha256:[0-9a-f]{64}" | grep -F "${image%:*}@" | head -n 5
}

# cosign 3 does not look for a signature in the older format where anything lies beside the image
# in the newer one, like what GitHub attests of a build: so it is asked for that, too.
verify() {
    format=
    said=$(cosign_says "$@")
    verified=$?
    # From 124 on, it did not end in time: it will not the next time, either.
    if [ "$verified" -gt 0 ] && [ "$verified" -lt 124 ] && older=$(cosign_says --new-bundle-format=false "$@"); then
        said=$older verified=0 format=--new-bundle-format=false
    fi
    if [ "$verified" -eq 0 ] && [ "$#" -gt 1 ] && ! heeds_annotations "$@"; then
        said='this cosign looks at no annotation; version 3.0.3 and later do' verified=1
    fi
    printf '%s\n' "$said" | tail -c 4096
    return "$verified"
}

# cosign 3.0.0 to 3.0.2 pass whatever annotation is asked for: also one that nobody signs.
heeds_annotations() {
    ! cosign_says ${format:+"$format"} --annotations deployctl=is-anything-passed "$@" >/dev/null
}

# By the key alone: the transparency log would need the public internet, and a trust of its own.
cosign_says() {
    DEPLOYCTL_PUBLIC_KEY=$key timeout -k 5 "$cosign_limit" cosign verify \
        --key env://DEPLOYCTL_PUBLIC_KEY --insecure-ignore-tlog=true "$@" 2>&1 7>&- 8>&-
}

# ---------------------------------------------------------------- docker

image_id() {
    limited docker image inspect --format '{{.ID}}' "$1" 2>/dev/null
}

show_image() {
    limited docker image inspect --format \
        '{"image_id":{{json .ID}},"digests":{{json .RepoDigests}},"labels":{{json .Config.Labels}}}' \
        "$after"
}

main "$@"
