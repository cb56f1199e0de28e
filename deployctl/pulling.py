"""How far the pull of an image is: what host/fetch.sh says while docker works. Pure.

It is shown and decides nothing. What docker prints differs between its versions and image stores,
so a line that tells nothing known is passed over, and so is whatever else a host says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

from deployctl.foreign import json_object

MOST_LAYERS = 500  # docker itself takes no more than 127 in an image
_LONGEST_LINE = 200  # bytes


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
    """What is known of a pull; `hear` adds to it.

    Attributes:
        layers: of the image, by docker's short ids.
    """

    layers: Mapping[str, Layer] = field(default_factory=lambda: MappingProxyType({}))

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


def hear(pull: Pull, line: bytes) -> Pull:
    """Add one line of fetch.sh's output; the same pull is returned where it tells nothing new."""
    name, words = _said(line)
    before = pull.layers.get(name)
    after = _layer(before or Layer(), words)
    if not name or after in {None, before} or (not before and len(pull.layers) >= MOST_LAYERS):
        return pull
    return Pull(MappingProxyType({**pull.layers, name: after}))


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
