"""fetch.sh: the image of a tag, brought to a host, and how far that is meanwhile. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType

from deployctl.compose.facts import FetchedImage, FetchFailure
from deployctl.compose.host import script
from deployctl.compose.host.wire import lines, output_of, read_facts, read_object, string, strings
from deployctl.compose.script_output import ScriptOutput
from deployctl.inventory import Registry, Signature
from deployctl.release.foreign_json import json_object
from deployctl.release.reference import REVISION_LABEL, Reference, is_digest
from deployctl.ssh.command import Command

# Seconds. The second is more than the sum of the limits inside the script, which end first.
PULL_LIMIT = 600
FETCH_LIMIT = 2 * PULL_LIMIT + 600.0

_SIGNATURE = "signature "
_TIMED_OUT = {124, 137, 143}  # of timeout, and of BusyBox's
MOST_LAYERS = 500  # docker itself takes no more than 127 in an image
_LONGEST_LINE = 200  # bytes


def fetch_command(
    image: str,
    kept_image: str,
    *,
    login: Registry | None = None,
    signature: Signature | None = None,
    limit: int = PULL_LIMIT,
) -> Command:
    """Return the command that brings an image to the host.

    Args:
        image: REPOSITORY:TAG.
        kept_image: our own name for it.
        login: to the registry, for as long as the command runs; None: the host's own.
        signature: that is looked for, with its key as text; None: none is.
        limit: seconds for the pull.
    """
    annotations = signature.annotations if signature else ()
    command = script.command(
        "fetch.sh",
        image,
        kept_image,
        str(limit),
        Reference.parse(image).login_server,
        login.username if login else "",
        signature.key if signature else "",
        *(f"{name}={value}" for name, value in annotations),
    )
    return replace(command, stdin=f"{login.password}\n".encode()) if login else command


def read_fetch(output: bytes, repository: str) -> FetchedImage | FetchFailure:
    """Turn what the script printed into the image that is now on the host, or why it is not.

    Raises:
        HostError: the output is not what the script prints.
    """
    facts = read_facts(output)
    # First of all: a login that failed for want of room was tried in the next place.
    if "login-place" in facts:
        places = output_of(facts, "login-place").lines
        return FetchFailure((), timed_out=False, login_failed=True, places=places)
    login = output_of(facts, "login")
    if login.status != 0:
        return _failure(login, login_failed=True)
    pull = output_of(facts, "pull", required=True)
    if pull.status != 0:
        own = output_of(facts, "own-login").status == 0 if "own-login" in facts else None
        return _failure(pull, host_has_login=own)
    image = output_of(facts, "image", required=True)
    if image.status != 0:
        return FetchFailure(("docker has no such image after the pull",), timed_out=False)
    value = read_object(image.data)
    digests = _repo_digests(value.get("digests"), repository)
    labels = value.get("labels")
    return FetchedImage(
        image_id=string(value, "image_id"),
        digest=_served_digest(pull.data, digests),
        digests=digests,
        revision=str((labels or {}).get(REVISION_LABEL, "")) if isinstance(labels, dict) else "",
        signatures={
            name.removeprefix(_SIGNATURE): output_of(facts, name)
            for name in facts
            if name.startswith(_SIGNATURE)
        },
        cosign=output_of(facts, "cosign").status == 0,
    )


def _failure(
    output: ScriptOutput, *, login_failed: bool = False, host_has_login: bool | None = None
) -> FetchFailure:
    return FetchFailure(
        output.lines[-5:],
        timed_out=output.status in _TIMED_OUT,
        login_failed=login_failed,
        host_has_login=host_has_login,
    )


def _repo_digests(value: object, repository: str) -> tuple[str, ...]:
    references = [Reference.parse(text) for text in strings(value)]
    return tuple(r.digest for r in references if is_digest(r.digest) and r.repository == repository)


def _served_digest(pull: bytes, digests: Iterable[str]) -> str:
    """The digest that `docker pull` names, if the image list confirms it, or the only one."""
    known = tuple(digests)
    for line in lines(pull):
        name, _, value = line.partition(": ")
        if name == "Digest" and value in known:
            return value
    return known[0] if len(known) == 1 else ""


# ---------------------------------------------------------------- how far the pull is

# It is shown and decides nothing. What docker prints differs between its versions and image stores,
# so a line that tells nothing known is passed over, and so is whatever else a host says.


class Stage(IntEnum):
    """How far a layer is. It never goes back."""

    KNOWN = 0
    DOWNLOADED = 1
    UNPACKED = 2


@dataclass(frozen=True)
class Layer:
    """One layer of an image.

    Attributes:
        stage: how far it is.
        received: bytes that have come; None: docker does not say.
        size: bytes that are to come in all; None: docker does not say.
    """

    stage: Stage = Stage.KNOWN
    received: int | None = None
    size: int | None = None


@dataclass(frozen=True)
class Pull:
    """What is known of a pull, line by line.

    Attributes:
        layers: of the image, by docker's short ids.
    """

    layers: Mapping[str, Layer] = field(default_factory=lambda: MappingProxyType({}))

    def with_line(self, line: bytes) -> Pull:
        """Add one line of the script's output; the same pull where it tells nothing new."""
        name, words = _said(line)
        before = self.layers.get(name)
        after = _layer(before or Layer(), words)
        if not name or after in {None, before} or (not before and len(self.layers) >= MOST_LAYERS):
            return self
        return Pull(MappingProxyType({**self.layers, name: after}))

    def count(self, stage: Stage) -> int:
        """Return how many layers are at a stage or beyond it."""
        return sum(layer.stage >= stage for layer in self.layers.values())

    @property
    def received(self) -> int | None:
        """Bytes that have come; None: docker says it of no layer."""
        known = [layer.received for layer in self.layers.values() if layer.received is not None]
        return sum(known) if known else None

    @property
    def size(self) -> int | None:
        """Bytes that are to come in all; None: docker does not say it of all that are to come."""
        layers = self.layers.values()
        known = [layer.size for layer in layers if layer.size is not None]
        missing = any(layer.size is None and layer.stage is Stage.KNOWN for layer in layers)
        return sum(known) if known and not missing else None


_STAGES = {
    "Pulling fs layer": Stage.KNOWN,
    "Waiting": Stage.KNOWN,
    "Download complete": Stage.DOWNLOADED,
    "Pull complete": Stage.UNPACKED,
    "Already exists": Stage.UNPACKED,
}
_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)
_SIZE = r"(\d{1,6}(?:\.\d{1,6})?)([kMGT]?B)"
_SIZES = re.compile(f"{_SIZE}/{_SIZE}", re.ASCII)
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _said(line: bytes) -> tuple[str, str]:
    """Return the layer's id and docker's words about it; an empty id: it is no such line."""
    if len(line) > _LONGEST_LINE:
        return "", ""
    try:
        value = json_object(line)
    except ValueError:
        return "", ""
    if value.get("fact") != "layer":
        return "", ""
    name, words = value.get("id"), value.get("is")
    if not isinstance(name, str) or not isinstance(words, str) or not _ID.fullmatch(name):
        return "", ""
    return name, words


def _layer(before: Layer, words: str) -> Layer | None:
    """Return what a layer is after these words; None: they say nothing."""
    if sizes := _SIZES.fullmatch(words):
        received, its_unit, size, unit = sizes.groups()
        return Layer(before.stage, _bytes(received, its_unit), _bytes(size, unit))
    stage = _STAGES.get(words)
    if stage is None:
        return None
    stage = max(before.stage, stage)
    return Layer(stage, before.received if stage is Stage.KNOWN else before.size, before.size)


def _bytes(number: str, unit: str) -> int:
    return round(float(number) * _UNITS[unit])
