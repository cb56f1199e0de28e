"""Facts about a host: the output of host/probe.sh and host/fetch.sh → frozen values.

Pure. Nothing in it is trusted: a line that is not what the script prints is an error of the
host, never a crash.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deployctl import history
from deployctl.compose.project import Configuration
from deployctl.errors import HostError
from deployctl.foreign import json_object
from deployctl.image import Reference, is_digest, shown, shown_name
from deployctl.model import Action, Container, Health, LocalImage, Stranger, UnfinishedRun
from deployctl.moments import read_moment

REVISION_LABEL = "org.opencontainers.image.revision"
_LABEL = "com.docker.compose."
_SIGNATURE = "signature "
_MOST_NAMES = 5
_OWN_NAMES = frozenset(("lock", "history.jsonl", "reserve", "runs", "releases", "holds"))
_TIMED_OUT = {124, 137, 143}  # of timeout, and of BusyBox's


@dataclass(frozen=True)
class Hold:
    """A hold on deploys: who set it, when and why."""

    by: str
    at: str
    reason: str

    @property
    def text(self) -> str:
        """In words, for a message."""
        return f"held by {self.by} since {self.at}: {self.reason}"


@dataclass(frozen=True)
class Output:
    """What a command on the host printed, and how it ended."""

    data: bytes
    status: int

    @property
    def lines(self) -> tuple[str, ...]:
        """What it printed, as text."""
        return _lines(self.data)


@dataclass(frozen=True)
class HostFacts:
    """All that a probe found.

    Attributes:
        user: the login that the probe ran as.
        group: the primary group of it.
        image_store: docker's storage driver: image ids differ between stores.
        now: the host's clock.
        missing_tools: of those that the scripts need.
        paths: state of the directory (index 0) and of each compose file.
        containers: every Compose container on the host; None: docker did not answer.
        docker_problem: why it did not: "missing", "denied", "silent" or "remote".
        images: the host's images.
        configuration: the resolved compose files; None: not asked for, or compose failed.
        config_hashes: by service, what Compose would write today on a container that it makes, as
            Container.config_hash; with the placeholder as the tag. Empty: not known.
        compose_missing: compose failed and there is no Compose v2.
        complaints: what compose said about the files.
        history: what is recorded.
        holder: who holds the lock; None: nobody.
        hold: a hold on the deploys of the service that was asked for; None: none.
        foreign_files: state files that belong to another user.
        state_access: to the state directory: "not-writable", or "not-there" where the user may not
            make it; empty: it can be written, or not asked for.
        state_owner: whose that directory is, where it is another user's.
        stranger: what holds the lock and is no run of deployctl; None: nothing.
        free_kib: free disk space below the directory; None: not asked for.
        killed_at_logout: logind would kill a detached run.
        kept_tag: what the project's .env says the tag is; empty: nothing, or not asked for.
        env_file_problems: what keeps the user from replacing that file, "WORD USER PATH" each, as
            host/env_file.sh has them; empty: nothing, or not asked for.
        examined: the probe could look into the directory and call docker; otherwise all that
            concerns them is not known.
    """

    user: str = ""
    group: str = ""
    image_store: str = ""
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    missing_tools: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    containers: tuple[Container, ...] | None = None
    docker_problem: str = ""
    images: tuple[LocalImage, ...] = ()
    configuration: Configuration | None = None
    config_hashes: Mapping[str, str] = field(default_factory=dict)
    compose_missing: bool = False
    complaints: tuple[str, ...] = ()
    history: history.History = field(default_factory=history.History)
    holder: UnfinishedRun | None = None
    hold: Hold | None = None
    foreign_files: tuple[str, ...] = ()
    free_kib: int | None = None
    state_access: str = ""
    state_owner: str = ""
    stranger: Stranger | None = None
    killed_at_logout: bool = False
    kept_tag: str = ""
    env_file_problems: tuple[str, ...] = ()
    examined: bool = True

    def digests_of(self, image_id: str, repository: str = "") -> tuple[str, ...]:
        """Return the repo digests of an image, of one repository if given."""
        return tuple(
            dict.fromkeys(
                image.digest
                for image in self.images
                if image.image_id == image_id
                and is_digest(image.digest)
                and repository in {"", image.repository}
            )
        )

    def image_named(self, reference: Reference) -> str:
        """Return the id of what REPOSITORY:TAG names on this host; empty: nothing, or not known."""
        named = (reference.repository, reference.tag or "latest")
        found = (i.image_id for i in self.images if (i.repository, i.tag) == named)
        return "" if reference.digest else next(found, "")

    def deploys(self, service: str) -> bool:
        """Whether the run that is changing the host is a deploy of this service."""
        run = self.holder
        return run is not None and run.action == Action.DEPLOY and run.service == service

    def has_image(self, image_id: str) -> bool:
        """Whether the content is on the host."""
        return any(image.image_id == image_id for image in self.images)


@dataclass(frozen=True)
class FetchedImage:
    """What the registry served for a tag.

    Attributes:
        image_id: docker's id of it on this host.
        digest: the digest that the tag had in the registry; empty: docker did not say.
        digests: all repo digests known for the content.
        revision: the label org.opencontainers.image.revision; empty: none.
        signatures: by digest, what cosign said about its signature; empty: it was not asked.
        cosign: whether the host has it; True also where nobody looked.
    """

    image_id: str
    digest: str
    digests: tuple[str, ...]
    revision: str
    signatures: Mapping[str, Output] = field(default_factory=dict)
    cosign: bool = True


@dataclass(frozen=True)
class Measures:
    """What host/check.sh found, and what the registry said.

    Attributes:
        docker: the engine's version; empty: not known.
        compose: Compose's version; empty: there is none.
        largest_image: bytes of the largest of the service's images; 0: none is kept.
        image_kib: free disk space where docker keeps images; None: not known.
        state_kib: the same for deployctl's own files.
        reserve: bytes that are set aside there for a run's outcome; 0: none.
        open_files: names of deployctl's own in the state directory that other users can open.
        blocked_by: what is no run, and keeps one from taking the lock; None: nothing.
        registry: what a fetch of a tag that nobody has pushed said; None: not asked.
    """

    docker: str = ""
    compose: str = ""
    largest_image: int = 0
    image_kib: int | None = None
    state_kib: int | None = None
    reserve: int = 0
    open_files: tuple[str, ...] = ()
    blocked_by: Stranger | None = None
    registry: FetchFailure | None = None


@dataclass(frozen=True)
class FetchFailure:
    """The pull did not work.

    Attributes:
        words: docker's own last ones, as evidence.
        timed_out: it took too long.
        login_failed: it was the login that the client gave, before the pull.
        host_has_login: whether the host itself is logged in to the registry; None: the client
            gave a login, so it does not matter.
        places: that do not take the login that the client gave, "WORD PATH" each: "full" or
            "not-writable"; None: one did, or none was needed.
    """

    words: tuple[str, ...]
    timed_out: bool
    login_failed: bool = False
    host_has_login: bool | None = None
    places: tuple[str, ...] | None = None


def read_probe(output: bytes) -> HostFacts:
    """Turn what probe.sh printed into facts.

    Raises:
        HostError: the output is not what the script prints.
    """
    facts = _facts(output)
    host = facts.get("host")
    if host is None:
        raise _garbled("it names no host")
    containers, problem = _containers(_output(facts, "containers"))
    recorded = _history(facts)
    return HostFacts(
        user=_string(host, "user"),
        group=str(host.get("group", "")),
        image_store=_image_store(_output(facts, "containers")),
        now=_timestamp(_string(host, "now")),
        missing_tools=_strings(facts.get("tools", {}).get("missing")),
        paths=_paths(output),
        containers=containers,
        docker_problem=problem,
        images=_images(_output(facts, "images")),
        configuration=_configuration(_output(facts, "config")),
        config_hashes=_config_hashes(_output(facts, "hashes")),
        compose_missing="compose" in facts and _output(facts, "compose").status != 0,
        complaints=_complaints(_output(facts, "config")),
        history=recorded,
        holder=_holder(facts, recorded),
        hold=_hold(_output(facts, "hold")),
        foreign_files=_names(_output(facts, "foreign").data),
        state_access=_state_access(facts),
        state_owner=_state_owner(facts),
        stranger=read_stranger(_output(facts, "stranger").data) if "stranger" in facts else None,
        free_kib=free_kib(_output(facts, "disk")),
        killed_at_logout=facts.get("logout", {}).get("kills") == "yes",
        kept_tag=next(iter(_lines(_output(facts, "kept-tag").data)), ""),
        env_file_problems=_lines(_output(facts, "env-file").data),
        examined="history-size" in facts,
    )


def read_fetch(output: bytes, repository: str) -> FetchedImage | FetchFailure:
    """Turn what fetch.sh printed into the image that is now on the host, or why it is not.

    Raises:
        HostError: the output is not what the script prints.
    """
    facts = _facts(output)
    # First of all: a login that failed for want of room was tried in the next place.
    if "login-place" in facts:
        places = _output(facts, "login-place").lines
        return FetchFailure((), timed_out=False, login_failed=True, places=places)
    login = _output(facts, "login")
    if login.status != 0:
        return _failure(login, login_failed=True)
    pull = _output(facts, "pull", required=True)
    if pull.status != 0:
        own = _output(facts, "own-login").status == 0 if "own-login" in facts else None
        return _failure(pull, host_has_login=own)
    image = _output(facts, "image", required=True)
    if image.status != 0:
        return FetchFailure(("docker has no such image after the pull",), timed_out=False)
    value = _json_object(image.data)
    digests = _repo_digests(value.get("digests"), repository)
    labels = value.get("labels")
    return FetchedImage(
        image_id=_string(value, "image_id"),
        digest=_served_digest(pull.data, digests),
        digests=digests,
        revision=str((labels or {}).get(REVISION_LABEL, "")) if isinstance(labels, dict) else "",
        signatures={
            name.removeprefix(_SIGNATURE): _output(facts, name)
            for name in facts
            if name.startswith(_SIGNATURE)
        },
        cosign=_output(facts, "cosign").status == 0,
    )


def _failure(
    output: Output, *, login_failed: bool = False, host_has_login: bool | None = None
) -> FetchFailure:
    return FetchFailure(
        _lines(output.data)[-5:],
        timed_out=output.status in _TIMED_OUT,
        login_failed=login_failed,
        host_has_login=host_has_login,
    )


def read_measures(output: bytes) -> Measures:
    """Turn what check.sh printed into values.

    Raises:
        HostError: the output is not what the script prints.
    """
    facts = _facts(output)
    sizes = [int(s) for s in _lines(_output(facts, "image-sizes").data) if _is_number(s)]
    return Measures(
        docker=_version(_output(facts, "docker", required=True)),
        compose=_version(_output(facts, "compose", required=True)),
        largest_image=max(sizes, default=0),
        image_kib=free_kib(_output(facts, "image-disk")),
        state_kib=free_kib(_output(facts, "state-disk")),
        reserve=_number(_output(facts, "reserve")),
        open_files=tuple(n for n in _output(facts, "open").lines if n in _OWN_NAMES),
        blocked_by=read_stranger(_output(facts, "blocked").data)
        if _output(facts, "blocked").status != 0
        else None,
    )


def read_holder(data: bytes) -> UnfinishedRun:
    """Read a lock file's content; what cannot be read is an unknown holder."""
    try:
        value = json_object(data)
    except ValueError:
        return UnfinishedRun()
    names = ("run", "by", "action", "service", "tag", "since")
    return UnfinishedRun(**{name: str(value.get(name, "")) for name in names})


def read_stranger(data: bytes) -> Stranger:
    """Read "PID USER PROGRAM", as host/lock.sh has it; what is not that is a stranger unseen."""
    words = " ".join(_lines(data)).split(" ", maxsplit=2)
    if len(words) != len(("pid", "user", "program")) or not _is_number(words[0]):
        return Stranger()
    pid, user, program = words
    return Stranger(pid, shown_name(user), shown(program.strip()))


def read_hold(data: bytes) -> Hold:
    """Read a hold file's content; one that cannot be read is still a hold."""
    try:
        value = json_object(data)
    except ValueError:
        value = {}
    return Hold(
        by=str(value.get("by", "somebody")),
        at=str(value.get("at", "an unknown time")),
        reason=str(value.get("reason", "no readable reason")),
    )


def decode(text: object) -> bytes:
    """Return the bytes of a base64 field.

    Raises:
        HostError: it is no base64 text.
    """
    if not isinstance(text, str):
        raise _garbled("a field is no text")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _garbled("a field is not base64") from None


# ---------------------------------------------------------------- the lines


def _facts(output: bytes) -> dict[str, Mapping[str, Any]]:
    facts: dict[str, Mapping[str, Any]] = {}
    for line in output.splitlines():
        value = _json_object(line)
        facts[str(value.get("fact"))] = value
    return facts


def _json_object(data: bytes) -> Mapping[str, Any]:
    try:
        return json_object(data)
    except ValueError as why:
        raise _garbled(f"a line is {why}") from None


def _output(facts: Mapping[str, Mapping[str, Any]], name: str, *, required: bool = False) -> Output:
    fact = facts.get(name)
    if fact is None:
        if required:
            raise _garbled(f"the answer about {name} is missing")
        return Output(b"", 0)
    return Output(decode(fact.get("output")), _integer(fact, "status"))


def _garbled(why: str) -> HostError:
    return HostError(
        "host-garbled",
        f"the host's answer cannot be understood: {why}",
        hint="a login script (.bashrc, /etc/profile.d) that prints text can cause this; "
        "see it with:\nssh USER@HOST true",
    )


# ---------------------------------------------------------------- single facts


def _containers(output: Output) -> tuple[tuple[Container, ...] | None, str]:
    if output.status != 0:
        return None, output.data.decode("ascii", "replace").strip() or "silent"
    return tuple(_container(_json_object(line)) for line in output.data.splitlines()), ""


def _container(value: Mapping[str, Any]) -> Container:
    labels = value.get("labels")
    if not isinstance(labels, dict):
        labels = {}
    health = str(value.get("health"))
    return Container(
        id=_string(value, "id"),
        name=_string(value, "name").lstrip("/"),
        service=str(labels.get(f"{_LABEL}service", "")),
        project=str(labels.get(f"{_LABEL}project", "")),
        working_directory=str(labels.get(f"{_LABEL}project.working_dir", "")),
        reference=Reference.parse(_string(value, "reference")),
        image_id=_string(value, "image_id"),
        status=_string(value, "status"),
        health=Health(health) if health in set(Health) else Health.NONE,
        exit_code=_integer(value, "exit_code"),
        restarts=_integer(value, "restarts"),
        started_at=_string(value, "started_at"),
        revision=str(labels.get(REVISION_LABEL, "")),
        one_off=str(labels.get(f"{_LABEL}oneoff", "False")) == "True",
        config_hash=str(labels.get(f"{_LABEL}config-hash", "")),
        knows_dependencies=bool(labels.get(f"{_LABEL}depends_on")),
    )


def _image_store(output: Output) -> str:
    """The storage driver, as the first container names it; empty where there is none."""
    line = next(iter(output.data.splitlines()), b"") if output.status == 0 else b""
    store = _json_object(line).get("store", "") if line else ""
    return store if isinstance(store, str) else ""


def _images(output: Output) -> tuple[LocalImage, ...]:
    rows = (line.split(" ") for line in _lines(output.data))
    return tuple(LocalImage(*row) for row in rows if len(row) == len(("id", "repo", "tag", "dig")))


def _configuration(output: Output) -> Configuration | None:
    if output.status != 0 or not output.data:
        return None
    return Configuration.from_json(
        _json_object(output.data), hash=hashlib.sha256(output.data).hexdigest()
    )


def _config_hashes(output: Output) -> dict[str, str]:
    """What `docker compose config --hash '*'` said; nothing where it failed."""
    rows = [line.split(" ") for line in _lines(output.data)] if output.status == 0 else []
    return {row[0]: row[1] for row in rows if len(row) == len(("service", "hash"))}


def _complaints(output: Output) -> tuple[str, ...]:
    return () if output.status == 0 else _lines(output.data)[-5:]


def _paths(output: bytes) -> tuple[str, ...]:
    """One line each, in their order: the only fact that comes several times."""
    values = (_json_object(line) for line in output.splitlines())
    return tuple(str(value.get("state")) for value in values if value.get("fact") == "path")


def _history(facts: Mapping[str, Mapping[str, Any]]) -> history.History:
    output = _output(facts, "history")
    if output.status != 0:
        owner = _state_owner(facts)
        problem = (
            f"deployctl's directory on the host is {owner}'s, and this login may not look into it: "
            f"what is recorded, held or under way is not known; ask as {owner}"
            if owner
            else "the history file is there but cannot be read"
        )
        return history.History(problems=(problem,), readable=False)
    size = _integer(facts.get("history-size", {"bytes": len(output.data)}), "bytes")
    return history.parse(output.data, size=size)


def _holder(
    facts: Mapping[str, Mapping[str, Any]], recorded: history.History
) -> UnfinishedRun | None:
    """Who holds the lock; a run whose outcome is recorded only tidies up."""
    if facts.get("lock", {}).get("state") != "held":
        return None
    holder = read_holder(_output(facts, "holder").data)
    return None if recorded.has_ended(holder.run) else holder


def _state_access(facts: Mapping[str, Mapping[str, Any]]) -> str:
    access = str(facts.get("state", {}).get("access", ""))
    return access if access in {"not-writable", "not-there"} else ""


def _state_owner(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """A login, to be shown; empty: the directory is the user's own, or not known whose."""
    owner = next(iter(_output(facts, "state-owner").lines), "")
    return shown_name(owner) if owner else ""


def _hold(output: Output) -> Hold | None:
    if output.status == 0 and not output.data:
        return None
    return read_hold(output.data)


def free_kib(output: Output) -> int | None:
    """Return the free space that `df -Pk` tells: the fourth column of its last line."""
    lines = _lines(output.data)
    columns = lines[-1].split() if lines else []
    if output.status != 0 or len(columns) < len(("device", "size", "used", "free")):
        return None
    return int(columns[3]) if _is_number(columns[3]) else None


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,18}", text) is not None


def _number(output: Output) -> int:
    text = output.data.decode("ascii", "replace").strip()
    return int(text) if output.status == 0 and _is_number(text) else 0


def _version(output: Output) -> str:
    """The first word that a version command prints; empty where it failed."""
    words = output.data.decode("ascii", "replace").split() if output.status == 0 else []
    return words[0] if words else ""


def _repo_digests(value: object, repository: str) -> tuple[str, ...]:
    references = [Reference.parse(text) for text in _strings(value)]
    return tuple(r.digest for r in references if is_digest(r.digest) and r.repository == repository)


def _served_digest(pull: bytes, digests: Iterable[str]) -> str:
    """The digest that `docker pull` names, if the image list confirms it, or the only one."""
    known = tuple(digests)
    for line in _lines(pull):
        name, _, value = line.partition(": ")
        if name == "Digest" and value in known:
            return value
    return known[0] if len(known) == 1 else ""


# ---------------------------------------------------------------- small change


def _names(data: bytes) -> tuple[str, ...]:
    """Names that end with a NUL each; one that was cut off does not."""
    return tuple(name.decode("utf-8", "replace") for name in data.split(b"\0")[:-1])[:_MOST_NAMES]


def _lines(data: bytes) -> tuple[str, ...]:
    return tuple(data.decode("utf-8", "replace").splitlines())


def _strings(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _string(value: Mapping[str, Any], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise _garbled(f"{key} is no text")
    return text


def _integer(value: Mapping[str, Any], key: str) -> int:
    number = value.get(key)
    if not isinstance(number, int):
        raise _garbled(f"{key} is no number")
    return number


def _timestamp(text: str) -> datetime:
    moment = read_moment(text)
    if moment is None:
        raise _garbled("its clock shows no time")
    return moment
