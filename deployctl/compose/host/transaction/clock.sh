#!/bin/sh
# Part of transact.sh: times, in centiseconds of /proc/uptime, which no clock change can move.

# The 1 in front keeps "05" from being read as octal.
uptime() {
    read -r up _ </proc/uptime
    echo "$((${up%.*} * 100 + 1${up#*.} - 100))"
}

seconds_since_start() {
    in_seconds "$(($(uptime) - began))"
}

in_seconds() {
    printf '%d.%02d' "$(($1 / 100))" "$(($1 % 100))"
}
