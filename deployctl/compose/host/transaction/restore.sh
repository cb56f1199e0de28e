#!/bin/sh
# Part of transact.sh: back to what ran before, with the least that is needed.

put_back() {
    failure=$reason wanted_replicas=$replicas
    aborted_by=$(who_aborted)
    heeds_abort=no
    say_going_back
    # Where nothing well served before, a new release that is well is the best there is.
    if [ "$served_well" = no ] && docker_is_back && stay_with_new; then
        return
    fi
    find_what_ran
    if [ -n "$ran_image_id" ]; then
        step restore
        if bring_back "$@"; then
            settle_restored
            return
        fi
        event "{\"event\":\"restore-failed\",\"reason\":\"$reason\"}"
    fi
    stay_with_new || settle_broken
}

# For an abort, which ends no call of docker from now on. An empty file needs no room.
say_going_back() {
    { ensure_run_directory && true >"$run_directory/going-back"; } 2>/dev/null || :
}

# As a field of the record; nothing where nobody has, or where the disk had no room for it.
who_aborted() {
    [ "$failure" = aborted ] || return 0
    read -r fields <"$run_directory/abort"
    case $fields in
        '"aborted_by":"'*'"') printf ',%s' "$fields" ;;
        *) ;;
    esac
}

# While the containers are there that ran when the run began, they can be left alone or started again,
# whatever their image is called. What did not run well is left for the last release that succeeded.
find_what_ran() {
    ran_image_id=$restore_image_id
    [ -z "$restore_image_id" ] || [ "$served_well" = yes ] || return 0
    ran=$(printf '%s\n' "$expect_containers" | sed -n 's/^[^ ]* \([^ ]*\) up$/\1/p' | sort -u)
    case $ran in
        "" | *[!0-9a-z:]*) ;; # nothing, or of several images
        *) ran_image_id=$ran ;;
    esac
}

settle_restored() {
    back=$restore_tag
    case $rung/$ran_image_id in
        untouched/"$restore_image_id" | started/"$restore_image_id") ;;
        untouched/* | started/*) back='' ;; # it has no tag of ours
        *) ;;
    esac
    # The file still names what was there before; this is for one that named nothing.
    [ "$rung" = untouched ] || [ -z "$back" ] || keep_tag "$back"
    reason=$failure
    extra_fields=",\"serves\":\"$back\",\"rung\":\"$rung\"$aborted_by"
    settle restored
}

# Fails where the new release does not get well, or was not even made. What got well after all, and
# cannot or need not be replaced, is a success with a reason.
stay_with_new() {
    allow "$((stable_unchecked + 100))"
    ! is_as_before || return 1
    replicas=$wanted_replicas
    usual_timeout=$health_timeout
    health_timeout=$(time_for_new)
    wait_until_healthy "$image_id" && well=yes || well=no
    health_timeout=$usual_timeout waited_for_new=yes
    # The first look may have been in vain.
    [ "$well" = yes ] && ! is_as_before || return 1
    if keep_tag "$tag"; then
        reason=$failure
        succeed
    else
        settle_broken "$tag"
    fi
    return 0
}

# A run that was killed, or to which docker did not answer, has not seen what becomes of what it made.
time_for_new() {
    case $failure/${waited_for_new-} in
        killed/ | docker-away/) echo "$health_timeout" ;;
        *) echo "$((stable_unchecked + 100))" ;;
    esac
}

# settle_broken [TAG]: nothing healthy serves, or TAG or a part of the old release does, and that is not
# what was asked for.
settle_broken() {
    extra_fields=$aborted_by
    [ "$reason" = docker-away ] || extra_fields=",\"serves\":\"${1-$(tag_of_part)}\"$aborted_by"
    reason=$failure
    settle broken
}

# A ladder. Before each rung docker is waited for, and it is seen what is there now: the rung before may
# have been enough after all, as when docker was away for longer than health is waited for.
bring_back() {
    replicas=1 # Compose has made the others, too, when it says that it is done.
    rungs='untouched made forced'
    [ -n "$restore_tag" ] || rungs=untouched
    rung=
    for next_rung in $rungs end; do
        docker_is_back || {
            reason=docker-away
            return 1
        }
        clear_the_way
        ! came_back || return 0
        may_go_on || continue
        allow "$((up_limit + health_timeout))"
        rung=$next_rung
        case $rung in
            untouched) return_to_containers ;;
            made) make_again up_from_kept_configuration "$@" ;;
            forced) make_again up_by_force "$@" ;;
            *) return 1 ;;
        esac && return 0
    done
}

# To make all containers anew by force would take down a part that is well. Where that is not known, it
# may be.
may_go_on() {
    [ "$next_rung" = forced ] || return 0
    part_serves
    case $? in
        0) return 1 ;;
        1) return 0 ;;
        *) ;;
    esac
    docker_is_back || return 1
    part_serves
    [ "$?" -eq 1 ]
}

docker_is_back() {
    allow "$((up_limit + health_timeout))"
    wait_for_docker
}

# What is told to end reads "running" and "healthy" until it has ended; and the tag's name must
# stand for the old content. What cannot be done here, the rung itself will meet.
clear_the_way() {
    remove_leftovers "$service"
    there=$(container_ids "$service")
    case $rung in
        made | forced) ;;
        *) made_by_run=$(new_containers) ;;
    esac
    for id in $there; do
        until has_ended "$id"; do
            wait_for_docker || break
        done
    done
    [ -z "$restore_image" ] || attempt limited docker tag "$restore_image_id" "$restore_image"
}

# What the run has made may have the same image as what ran: it was a redeploy with other files.
new_containers() {
    for id in $there; do
        is_old "$id" || echo "$id"
    done
}

# Fails where docker went away, and it may end yet.
has_ended() {
    ! may_be_ending "$1" || timeout -k 5 "$((stop_grace + 10))" docker wait "$1" 8>&- 9>&- || docker_answers
}

# Whether a container was told to end, and has not yet: no state of it shows that. A signal that means
# something else to it looks the same, so its end is waited for, but not for long. Docker is asked
# for its time: what is given in seconds, as 0s, it cuts, and would not tell of this very second.
may_be_ending() {
    now=$(ask docker_time) || return 1
    age=$(($(uptime) / 100 - began / 100 + 1))
    told=$(ask limited docker events --since "$((age + 59))s" --until "$now" --format '{{.Time}} {{.Actor.ID}} {{json .Action}}')
    last=$(printf '%s\n' "$told" | grep -E "^[0-9]+ $1 \"(kill|die|start)\"\$" | tail -n 1)
    case $last in
        *'"kill"') return 0 ;;
        "") is_old "$1" && are_forgotten ;;
        *) return 1 ;;
    esac
}

# Of all that happens on the host, health checks too, docker keeps 256 events (its eventsLimit): those of
# this run may be gone.
are_forgotten() {
    [ "$(printf '%s\n' "$told" | wc -l)" -ge 256 ] && [ "${told%% *}" -ge "$(($(date +%s) - age))" ]
}

is_old() {
    case $expect_containers in
        *"$1"*) ;;
        *) return 1 ;;
    esac
}

# While the old containers are all there: those that run are left alone, others are started, as
# they were. What was of another release, or down, when the run began is Compose's to make well.
return_to_containers() {
    old=$(old_containers)
    are_all_there "$old" || return 1
    remove_new || return 1
    # Word splitting is wanted: the ids are hex digits.
    # shellcheck disable=SC2086
    states=$(ask limited docker inspect --type container --format '{{.ID}} {{.State.Running}}' $old) || return 1
    stopped=$(printf '%s\n' "$states" | sed -n 's/ false$//p')
    if [ -n "$stopped" ]; then
        rung=started
        # shellcheck disable=SC2086
        attempt limited docker start $stopped || return 1
    fi
    wait_until_healthy "$ran_image_id"
}

# Those that ran when the run began.
old_containers() {
    printf '%s\n' "$expect_containers" | sed -n "s/ $ran_image_id up\$//p"
}

are_all_there() {
    [ -n "$1" ] || return 1
    for id in $1; do
        case $there in
            *"$id"*) ;;
            *) return 1 ;;
        esac
    done
}

# What this run has made: it may own the old one's port. Fails where others are there.
remove_new() {
    others=no
    for id in $there; do
        case $old/$expect_containers in
            *"$id"*/*) ;;
            */*"$id"*) others=yes ;;
            *)
                attempt timeout -k 10 "$(seconds_left)" docker stop "$id"
                attempt limited docker rm "$id"
                ;;
        esac
    done
    [ "$others" = no ]
}

# What Compose has made although it failed is not made once more.
make_again() {
    attempt "$@" || fail up-failed || is_all_up || return 1
    wait_until_healthy "$restore_image_id"
}

# Whether what was made for the old release is there, in as many containers as it had.
is_all_up() {
    here=$(service_containers) || return 1
    for id in $made_by_run; do
        case $here in
            *"$id"*) return 1 ;;
            *) ;;
        esac
    done
    ! printf '%s\n' "$here" | grep -qv " $restore_image_id up\$" &&
        [ "$(printf '%s\n' "$here" | wc -l)" -ge "$(replicas_before)" ]
}

replicas_before() {
    if [ "$served_well" = yes ]; then
        printf '%s\n' "$expect_containers" | grep -c ' up$'
    else
        echo "$wanted_replicas"
    fi
}

came_back() {
    case $rung in
        "") return 1 ;;
        untouched | started) return_to_containers ;;
        *) is_all_up && part_serves && wait_until_healthy "$restore_image_id" ;;
    esac
}

# Whether any container of the old release is well, or gets well; 2: docker does not say.
part_serves() {
    allow "$health_timeout"
    while :; do
        state_now=$(inspect_service "$service" "$state_format") || return 2
        of_old=$(printf '%s\n' "$state_now" | grep "^[^ ]* $restore_image_id running ")
        ! any_is_well || return 0
        case $of_old in
            *' starting '*) ! is_too_late || return 1 ;;
            *) return 1 ;;
        esac
        sleep 0.05
    done
}

# One without a health check that was restarted meanwhile may crash again and again.
any_is_well() {
    while read -r id _ _ restarts health _; do
        case $health in
            healthy) return 0 ;;
            none)
                remember_restarts
                [ "$(new_restarts)" -ne 0 ] || return 0
                ;;
            *) ;;
        esac
    done <<OF_OLD
$of_old
OF_OLD
    return 1
}

tag_of_part() {
    [ -z "$restore_tag" ] || ! part_serves || printf '%s' "$restore_tag"
}

# As the release ran with it, where the compose files have changed since. What still serves as it should,
# Compose leaves alone.
up_from_kept_configuration() {
    kept=$state/releases/$service/$restore_config.yml
    if [ -n "$restore_config" ] && [ -r "$kept" ]; then
        set -- docker compose -p "$project" --project-directory "$(dirname "$4")" -f "$kept" up -d --no-deps
    else
        set -- "$@" up -d
    fi
    clear_leftovers || return 1
    compose_up_service "$restore_tag" "$@"
}

# With today's files: a secret that was changed since makes the kept configuration useless.
up_by_force() {
    clear_leftovers || return 1
    compose_up_service "$restore_tag" "$@" up -d --force-recreate
}
