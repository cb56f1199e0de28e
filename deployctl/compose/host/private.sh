#!/bin/sh
# Part of transact.sh, hold.sh and check.sh, which are sent with it in front: what deployctl keeps
# on the host is its owner's alone. Whoever can open a file for reading can hold its lock.

# Directories on the way to it are for everybody, as they always were.
make_state() {
    # shellcheck disable=SC2174 # that is what is wanted
    (umask 022 && mkdir -p -m 700 "$state") && make_private
}

# Takes from other users what the version before left open in $state. Where anything else is in it,
# others may need it: then it stays open, and so does a runs/ or releases/ that is open, for
# deployctl has always made its own closed. What belongs to somebody else stays as it is.
make_private() {
    if is_ours_alone; then
        set -- "$state/."
    else
        set --
        for name in lock history.jsonl reserve holds; do
            ! is_our_own "$state/$name" || set -- "$@" "$state/$name"
        done
    fi
    [ "$#" -eq 0 ] || chmod -R go= "$@" 2>/dev/null || :
}

is_ours_alone() {
    is_our_own "$state/." || return 1
    for entry in "$state"/* "$state"/.[!.]* "$state"/..?*; do
        case ${entry#"$state/"} in
            lock | history.jsonl | reserve | runs | releases | holds | .deployctl-*) ;;
            *) ! [ -e "$entry" ] && ! [ -L "$entry" ] || return 1 ;;
        esac
    done
}

# shellcheck disable=SC3067 # -O: dash and BusyBox have it
is_our_own() {
    [ -e "$1" ] && ! [ -L "$1" ] && [ -O "$1" ]
}

# Prints deployctl's own names in $state that other users can open, and that the next run closes.
show_open() {
    [ -n "$(find "$state/." -prune \( -perm -010 -o -perm -001 \) 2>/dev/null)" ] || return 0
    set -- lock history.jsonl reserve holds
    ! is_ours_alone || set -- "$@" runs releases
    for name; do
        if [ -n "$(find "$state/$name" -prune ! -type l \
            \( -perm -040 -o -perm -020 -o -perm -004 -o -perm -002 \) 2>/dev/null)" ]; then
            printf '%s\n' "$name"
        fi
    done
}
