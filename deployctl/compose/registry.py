"""Why an image could not be fetched: what docker says → one of a few answers, or an error. Pure.

docker's exit status is 1 for all of them, and nothing on the host shows what the registry answered:
docker passes it on in words only. So this is the one place that reads its words, and only for
what registries and Go's network library have fixed words for. All else stays docker's own, shown
as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from deployctl.compose.facts import FetchFailure
from deployctl.errors import RefusedError
from deployctl.inventory import Registry
from deployctl.quoting import shown
from deployctl.release import suggest
from deployctl.release.reference import Reference

# Go's net package: the connection did not come about, or nobody answered on it.
_DOWN = re.compile(
    r"(?i)\bdial (tcp|udp)\b|\blookup \S+.* no such host\b|\bi/o timeout\b|\bClient\.Timeout\b"
    r"|\bdeadline exceeded\b|\bTLS handshake timeout\b|\bconnection reset by peer\b|: EOF\b"
    r"|\b50[0234] (Internal|Bad|Service|Gateway)\b"
)
# How registries refuse (https://github.com/opencontainers/distribution-spec, "Error codes") and
# how docker's engine passes that on. "permission denied" and "file not found" are the host's own:
# of docker's socket, and of a program that should know the login (docker-credential-…).
_DENIED = re.compile(
    r"(?i)\b(unauthorized|(?<!permission )denied|401|403)\b|authentication required"
    r"|no basic auth credentials"
)
_ABSENT = re.compile(r"(?i)\b(manifest|name) unknown\b|(?<!\bfile )\bnot found\b")


class Answer(StrEnum):
    """What a registry answered to the question for an image."""

    ABSENT = "absent"
    DENIED = "denied"
    DOWN = "down"
    UNKNOWN = "unknown"


def answer(failure: FetchFailure, image: Reference) -> Answer:
    """Return what the registry answered, as far as docker's words tell.

    Args:
        failure: of the pull, or of the login before it.
        image: that was asked for. Its own name is no answer, whatever words are in it.
    """
    words = "\n".join(failure.words)
    for own in (image.repository, image.repository.partition("/")[2], image.tag):
        words = words.replace(own, "") if own else words
    if _DOWN.search(words):
        return Answer.DOWN
    if _DENIED.search(words):
        return Answer.DENIED
    if _ABSENT.search(words) and not failure.login_failed:
        return Answer.ABSENT
    return Answer.UNKNOWN


@dataclass(frozen=True)
class Fetch:
    """What was to be fetched, and how.

    Attributes:
        image: that was asked for.
        service: whose image it is.
        host: where, by its name in the inventory.
        user: the login there, whose docker configuration counts.
        login: to the registry, that was given along; None: the user's own counts.
    """

    image: Reference
    service: str
    host: str
    user: str
    login: Registry | None = None


def not_fetched(failure: FetchFailure, fetch: Fetch) -> RefusedError:
    """Return the error for an image that did not come."""
    if failure.places is not None:
        return no_place(failure.places, fetch.host)
    if failure.timed_out:
        return _too_slow(failure, fetch)
    kinds = {Answer.ABSENT: _absent, Answer.DENIED: _denied, Answer.DOWN: _down}
    return kinds.get(answer(failure, fetch.image), _unknown)(failure, fetch)


def no_place(places: Iterable[str], host: str) -> RefusedError:
    """Return the error for a login that no place on the host takes.

    Args:
        places: "WORD PATH" each, as host/fetch.sh has them.
        host: its name.
    """
    said = [_place(*place.partition(" ")[::2]) for place in places]
    return RefusedError(
        "login-no-place",
        f"no place on {host} takes the registry login: "
        + (", ".join(said) or "there is neither /dev/shm nor /tmp that only root can rename in"),
        hint="it is kept in memory or in /tmp for as long as the fetch runs. Make room there; on "
        "the host, as root, this says whose files fill it:\n"
        "df -h /dev/shm /tmp\n"
        "ls -lA /dev/shm /tmp",
    )


def _place(word: str, path: str) -> str:
    what = "is full" if word == "full" else "cannot be written"
    return f"{path if path in _PLACES else shown(path)} {what}"


_PLACES = ("/dev/shm", "/tmp")  # noqa: S108 # only told of, not used


def _too_slow(failure: FetchFailure, fetch: Fetch) -> RefusedError:
    return RefusedError(
        "not-fetched",
        f"{fetch.image} did not come in time on {fetch.host}",
        hint="is the registry slow, or the image larger than usual? The layers that have come "
        "stay on the host: run the command again",
        details=failure.words,
    )


def _absent(failure: FetchFailure, fetch: Fetch) -> RefusedError:
    return RefusedError(
        "tag-missing",
        f"{fetch.image} is not in the registry",
        hint="did the workflow that built and scanned it push this tag, under this name?",
        details=failure.words,
    )


def _down(failure: FetchFailure, fetch: Fetch) -> RefusedError:
    return RefusedError(
        "registry-down",
        f"the registry {fetch.image.registry} cannot be reached from {fetch.host}, so "
        f"{fetch.image} cannot be fetched",
        hint=suggest.hint(
            "is it up, and can the host reach it (DNS, firewall, proxy)? What is kept on the host "
            "can be rolled back to without it. To ask it again:",
            suggest.deployctl("check", fetch.service),
        ),
        details=failure.words,
    )


def _denied(failure: FetchFailure, fetch: Fetch) -> RefusedError:
    server, user, repository = fetch.image.registry, fetch.user, fetch.image.repository
    setting = f"services.{fetch.service}.registry in the inventory"
    hint = log_in(setting, server, user)
    if fetch.login:
        who = shown(fetch.login.username)
        if failure.login_failed:
            message = f"{server} refuses the login of {who} from {fetch.host}"
            hint = f"is the password right and not expired? See {setting}"
        else:
            message = f"{server} does not let {who} read {repository}"
            hint = f"give {who} the right to read it, or another login: {setting}"
    elif failure.host_has_login:
        message = (
            f"{server} refuses the login that {user} has on {fetch.host}: it has expired, or may "
            f"not read {repository}"
        )
    else:
        message = f"{server} asks for a login, and {user} has none on {fetch.host}"
    return RefusedError("registry-denied", message, hint=hint, details=failure.words)


def log_in(setting: str, server: str, user: str) -> str:
    """Return what to do where the host needs a login.

    Args:
        setting: of the inventory, that would give it one.
        server: the registry, as the host's compose files name it.
        user: the login there, as the host says.
    """
    return suggest.hint(
        f"set {setting}, or on the host, as {user if suggest.is_name(user) else 'USER'}:",
        suggest.typed("docker", "login", suggest.repository_or(server, "REGISTRY")),
    )


def _unknown(failure: FetchFailure, fetch: Fetch) -> RefusedError:
    image = fetch.image
    doing = f"log in to {image.registry}" if failure.login_failed else f"fetch {image}"
    return RefusedError(
        "not-fetched",
        f"docker on {fetch.host} cannot {doing}: its own words say why",
        hint=suggest.hint(
            "put that right, and ask again:", suggest.deployctl("check", fetch.service)
        ),
        details=failure.words,
    )
