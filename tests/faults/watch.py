"""Watches the service of a VPS during a job: what it answers, and what docker does with it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from tests.e2e import host
from tests.e2e.client import SERVICE
from tests.faults.continuity import Answer, Event, Span, Watched
from tests.vps.world import Vps

# One process for all of them: one for each would slow down what it looks at.
_ASK: Final = (
    "exec stdbuf -oL curl -sN --rate 50/s -m 2 -w ' %{http_code}\\n'"
    " 'http://127.0.0.1:8080/#[1-1000000]'"
)
# Not by way of the gate.
_EVENTS: Final = (
    "exec /usr/bin/docker events --format '{{{{json .}}}}' --since {since}"
    f" --filter type=container --filter label=com.docker.compose.service={SERVICE}"
)
_PATIENCE: Final = 30.0  # seconds


class _Lines:
    """What a command on the VPS prints. One that ends, with docker or the power, is begun again."""

    def __init__(
        self, vps: Vps, name: str, command: str, take: Callable[[float, str], None]
    ) -> None:
        self._vps = vps
        self._pid = f"/tmp/watch.{name}"
        self._command = f"echo $$ >{self._pid}; {command}"
        self._take = take
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        while self._thread.is_alive():
            self._vps.run(f"kill $(cat {self._pid})", check=False)
            self._thread.join(0.2)

    def _read(self) -> None:
        call = ["docker", "exec", self._vps.container_id, "sh", "-c", self._command]
        while not self._over.is_set():
            with subprocess.Popen(
                call,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
            ) as process:
                for line in process.stdout or ():
                    self._take(time.time(), line)
            if not self._over.wait(0.05):
                self._take(time.time(), "")


class Watch:
    """Begins when it is entered, and ends with `stop`, or when it is left."""

    def __init__(self, vps: Vps, target: str) -> None:
        self._vps = vps
        self._target = target
        self._serving = frozenset(
            each["Id"]
            for each in host.containers(vps)
            if each["State"]["Health"]["Status"] == "healthy"
        )
        self._since = time.time()
        self._answers: list[Answer] = []
        self._said = ""
        self._events: dict[tuple[int, str, str], Event] = {}
        self._without_docker: list[Span] = []
        self._over = False
        self._lines = (
            _Lines(vps, "answers", _ASK, self._take_answer),
            _Lines(vps, "events", self._events_command, self._take_event),
        )

    def __enter__(self) -> Self:
        for each in self._lines:
            each.start()
        self._await(lambda: bool(self._answers))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Watch no longer; may be called more than once.

        A question that meets a container on its start may wait for its answer for as long as curl
        does: what is asked after that is what counts in the end.
        """
        if not self._over:
            asked = len(self._answers)
            self._await(lambda: len(self._answers) >= asked + 2)
        self._over = True
        for each in self._lines:
            each.stop()

    def docker_goes(self) -> None:
        """From now on a fault keeps docker away, and with it the service."""
        self._without_docker.append(Span(time.time(), float("inf")))

    def docker_is_back(self) -> None:
        """From now on the service is the run's again."""
        self._without_docker[-1] = Span(self._without_docker[-1].begin, time.time())

    def await_action(self, action: str) -> None:
        """Wait until docker has done something with a container of the service."""
        self._await(lambda: any(each.action == action for each in list(self._events.values())))

    def seen(self) -> Watched:
        """What was seen, once it was stopped and docker is there."""
        rest = self._vps.run(f"{self._events_command} --until {time.time():.6f}").stdout
        for line in rest.splitlines(keepends=True):
            self._take_event(time.time(), line)
        return Watched(
            target=self._target,
            serving=self._serving,
            answers=tuple(self._answers),
            events=tuple(sorted(self._events.values(), key=lambda event: event.at)),
            without_docker=tuple(self._without_docker),
        )

    @property
    def _events_command(self) -> str:
        return _EVENTS.format(since=f"{self._since:.6f}")

    def _take_answer(self, at: float, line: str) -> None:
        """An answer is a line with the tag, and one with the status; one alone is none."""
        if line and not line.startswith(" "):
            self._said = line.strip()
            return
        answered = line.strip() == "200"
        self._answers.append(Answer(at, (answered and self._said) or None))
        self._said = ""

    def _take_event(self, _at: float, line: str) -> None:
        """By docker's time, as it may tell one twice: after it was away, and at the end.

        A line may be torn off, or say that the machine is gone: "task … not found".
        """
        if not (line.startswith("{") and line.endswith("\n")):
            return
        said: dict[str, Any] = json.loads(line)
        action, container = said["Action"], said["Actor"]["ID"]
        image = said["Actor"]["Attributes"]["image"]
        nanoseconds = said["timeNano"]
        self._events[nanoseconds, action, container] = Event(
            nanoseconds / 1e9, action, container, image.rpartition(":")[2]
        )

    @staticmethod
    def _await(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)
