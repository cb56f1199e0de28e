"""What happens while a command works, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from deployctl.errors import DeployctlError


class Phase(StrEnum):
    """The steps of a run, in their order, as people see them."""

    CONNECT = "connect"
    PROBE = "probe"
    FETCH = "fetch"
    WAIT = "wait"
    TAG = "tag"
    DEPENDENCIES = "dependencies"
    UP = "up"
    HEALTH = "health"
    PERSIST = "persist"
    RESTORE = "restore"


@dataclass(frozen=True)
class StepStarted:
    """A step of a run began on a host; the one before it is over.

    Attributes:
        host: where.
        phase: which one.
        detail: what it is about, in words.
        at: seconds since the run began, as the host recorded them; None: a step of the client.
    """

    host: str
    phase: Phase
    detail: str = ""
    at: float | None = None


@dataclass(frozen=True)
class StepEnded:
    """A step is over and went well; what comes next is no step, or not yet."""

    host: str


@dataclass(frozen=True)
class RunEnded:
    """A run on a host has come to its end, well or not.

    Attributes:
        host: where.
        at: seconds since the run began, as the host recorded them; None: they are not known.
    """

    host: str
    at: float | None


@dataclass(frozen=True)
class ImageComing:
    """How far the image is that a host fetches; only to be shown.

    Attributes:
        host: that fetches it.
        layers: those that are known so far.
        downloaded: of them, how many are on the host.
        unpacked: of those, how many are ready for use.
        received: bytes that have come; None: docker does not say.
        size: bytes that are to come in all; None: docker does not say.
    """

    host: str
    layers: int
    downloaded: int
    unpacked: int
    received: int | None = None
    size: int | None = None


@dataclass(frozen=True)
class HostStarted:
    """A run turns to a host, the `position`th (from 1) of `count`."""

    host: str
    position: int
    count: int


@dataclass(frozen=True)
class HostFinished:
    """A run is through with a host, well or not."""

    host: str
    error: DeployctlError | None = None


@dataclass(frozen=True)
class Notice:
    """Something worth knowing while a run goes on."""

    host: str
    text: str


@dataclass(frozen=True)
class ConnectionLost:
    """The connection broke, or could not be made again; it is tried again by itself."""

    host: str
    reason: str


@dataclass(frozen=True)
class ConnectionBack:
    """The host can be heard again."""

    host: str


Event: TypeAlias = (
    StepStarted
    | StepEnded
    | RunEnded
    | ImageComing
    | HostStarted
    | HostFinished
    | Notice
    | ConnectionLost
    | ConnectionBack
)
Observer: TypeAlias = Callable[[Event], None]
