#!/bin/sh
# Sets and lifts a hold on the deploys of one service.
#
# usage: hold.sh set  STATE_DIRECTORY SERVICE FIELDS SEEN
#        hold.sh lift STATE_DIRECTORY SERVICE
#
#   FIELDS  JSON without its braces, made by the client: who holds, and why
#   SEEN    the hold that is to be replaced, as `before` or `now` showed it; null: there is none
#
# The run's lock is not taken: a hold must be set at once, whatever is under way. It stops every
# run that has not checked for it yet, and transact.sh does that under the lock. Who holds the
# lock when the hold is there is said, because that run may have begun.
umask 077

main() {
    verb=$1 state=$2 service=$3
    holds=$state/holds hold=$state/holds/$service blocked=no
    case $verb in
        set) set_hold "$4" "$5" ;;
        lift) lift_hold ;;
        *) return 2 ;;
    esac
}

set_hold() {
    before=null
    if ! { make_state && mkdir -p "$holds" && take_turn; }; then
        answer_refused
    elif [ "$before" != "$2" ]; then
        answer held
    elif write_hold "$1"; then
        answer set
        say_holder
    else
        answer failed
    fi
}

# Two who set or lift it at once do so one after the other.
take_turn() {
    command exec 8<"$holds" || return 1
    timeout 10 flock 8 || {
        blocked=yes
        return 1
    }
    remove_leftovers
    before=$(show_hold)
}

# What somebody left behind who was killed while writing: named after the service and a process. A
# service may be called like another one's file, up to a dot.
remove_leftovers() {
    for left in "$holds/.$service."*; do
        case ${left#"$holds/.$service."} in
            *[!0-9]*) ;;
            *) rm -f "$left" ;;
        esac
    done
}

# Whole or not at all, and on the disk: a hold that a power cut takes back is none.
write_hold() {
    new=$holds/.$service.$$
    text=$(printf '{"v":1,"at":"%s",%s}' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1")
    if printf '%s\n' "$text" | dd of="$new" bs=64k conv=fsync 2>/dev/null && mv "$new" "$hold"; then
        sync "$holds" 2>/dev/null || sync
    else
        rm -f "$new"
        return 1
    fi
}

lift_hold() {
    before=null
    make_private
    if ! is_held; then
        answer none
    elif take_turn && rm -f "$hold" && ! is_held; then
        sync "$holds" 2>/dev/null || sync
        answer lifted
    else
        answer_refused
    fi
}

# Also a link to nowhere: somebody put it there.
is_held() {
    [ -e "$hold" ] || [ -L "$hold" ]
}

# As JSON: null where there is none. What cannot be read is a hold, too.
show_hold() {
    if ! is_held; then
        echo null
    elif [ -f "$hold" ]; then
        printf '"%s"\n' "$(head -c 65536 "$hold" 2>/dev/null | encode)"
    else
        echo '""'
    fi
}

# answer OUTCOME: what was done, the hold that was there before, and the one that is there now.
answer() {
    printf '{"outcome":"%s","before":%s,"now":%s}\n' "$1" "$before" "$(show_hold)"
}

# It was not done; where somebody keeps the turn to himself, who that is comes in a second line.
answer_refused() {
    if [ "$blocked" = yes ]; then
        answer blocked
        printf '{"outcome":"busy","holder":"%s"}\n' "$(show_who_locks "$holds" | encode)"
    else
        answer failed
    fi
}

say_holder() {
    look_at_lock
    if [ "$lock" = held ] && ! holder_is_done; then
        printf '{"outcome":"busy","holder":"%s"}\n' "$(show_holder | encode)"
    fi
}

main "$@"
