"""Bringing an image to a host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from deployctl.compose.facts import FetchedImage, FetchFailure
from deployctl.compose.host.fetch import FETCH_LIMIT, Pull, Stage, fetch_command, read_fetch
from deployctl.compose.kept_images import fetched_tag, kept_image
from deployctl.compose.read import ask
from deployctl.compose.registry import Fetch, not_fetched
from deployctl.compose.request import Request
from deployctl.compose.service import ConfiguredOnHost
from deployctl.events import ImageComing, Observer, Phase, StepEnded, StepStarted
from deployctl.inventory import ComposeService, Registry, Signature
from deployctl.release.reference import Reference
from deployctl.ssh.connection import Connection


def fetch(
    connection: Connection,
    request: Request,
    here: ConfiguredOnHost,
    tag: str,
    signature: Signature | None = None,
) -> FetchedImage:
    """Bring an image to the host, and say what the registry served.

    Raises:
        RefusedError: it cannot be fetched.
    """
    host, image = connection.host.name, here.image(tag)
    login = login_to(request.service, image)
    request.observer(StepStarted(host, Phase.FETCH, str(image)))
    command = fetch_command(str(image), _kept(here, tag), login=login, signature=signature)
    listener = _PullListener(host, request.observer)
    answer = ask(connection, command, timeout=FETCH_LIMIT, listener=listener)
    fetched = read_fetch(answer, image.repository)
    if isinstance(fetched, FetchFailure):
        failure = replace(fetched, words=without((login and login.password) or "", fetched.words))
        raise not_fetched(failure, Fetch(image, request.service.name, host, here.facts.user, login))
    request.observer(StepEnded(host))
    return fetched


def _kept(here: ConfiguredOnHost, tag: str) -> str:
    """The name of what is fetched, which no run that tidies up meanwhile can know."""
    fetched = fetched_tag(tag, here.history.next_seq)
    return kept_image(here.configuration.project, here.service.name, fetched)


class _PullListener:
    """Hears the lines of a fetch, and tells the observer what is new of the pull."""

    def __init__(self, host: str, observer: Observer) -> None:
        self._host = host
        self._observer = observer
        self._pull = Pull()

    def __call__(self, line: bytes) -> None:
        pull = self._pull.with_line(line)
        if pull is self._pull:
            return
        self._pull = pull
        self._observer(
            ImageComing(
                self._host,
                layers=pull.count(Stage.KNOWN),
                downloaded=pull.count(Stage.DOWNLOADED),
                unpacked=pull.count(Stage.UNPACKED),
                received=pull.received,
                size=pull.size,
            )
        )


def login_to(service: ComposeService, image: Reference) -> Registry | None:
    """The inventory's, if there is one to give, and never to another registry than it is for."""
    registry = service.registry
    fits = registry is not None and registry.usable and registry.server == image.registry
    return registry if fits else None


def without(secret: str, words: Iterable[str]) -> tuple[str, ...]:
    """Nothing that the host says may show a password, whatever made it do so."""
    return tuple(line.replace(secret, "***") if secret else line for line in words)
