#!/bin/sh
# Brings the image of a tag to the host and says what it is. What runs is not touched.
#
# usage: fetch.sh IMAGE KEPT_IMAGE LIMIT
#
#   IMAGE       what the compose files call it: REPOSITORY:TAG
#   KEPT_IMAGE  the name under which it is protected from `docker image prune`
#   LIMIT       seconds for the pull
#
# If the pull moves IMAGE to other content, it is put back before this returns: a refused
# deploy leaves nothing that a later `up` could pick up. The lines printed are facts, as in
# probe.sh.
set -u
LC_ALL=C
export LC_ALL

docker_limit=30 # seconds for one docker call other than the pull

main() {
    image=$1 kept_image=$2 limit=$3
    # The name must be put back even if the client is gone by then.
    trap '' HUP INT TERM PIPE
    before=$(image_id "$image")
    emit pull pull
    [ "$status" = 0 ] || return 0
    after=$(image_id "$image")
    keep
    emit image show_image
    put_back
}

# A name that stands for another image already is left alone: the gates decide about it.
keep() {
    [ -n "$(image_id "$kept_image")" ] || limited docker tag "$after" "$kept_image"
}

put_back() {
    if [ -n "$before" ] && [ "$before" != "$after" ]; then
        limited docker tag "$before" "$image"
    fi
}

# Prints fact NAME with what COMMAND says on its standard output, and its exit status.
emit() {
    name=$1
    shift
    printf '{"fact":"%s","output":"' "$name"
    { status=$({ {
        "$@"
        echo $? >&3
    } | base64 | tr -d '\n' >&4; } 3>&1); } 4>&1
    printf '","status":%s}\n' "$status"
}

limited() {
    timeout -k 5 "$docker_limit" "$@"
}

image_id() {
    limited docker image inspect --format '{{.ID}}' "$1" 2>/dev/null
}

show_image() {
    limited docker image inspect --format \
        '{"image_id":{{json .ID}},"digests":{{json .RepoDigests}},"labels":{{json .Config.Labels}}}' \
        "$after"
}

# Its words go along: they are the evidence when it fails.
pull() {
    timeout -k 5 "$limit" docker pull "$image" 2>&1
}

main "$@"
