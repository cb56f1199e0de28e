"""A host that retells what an honest one said, with something in it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployctl.ssh.command import Command, Completed
from deployctl.ssh.session import Session
from tests.forged import rewriting
from tests.forged.scenes import Recording, run_of, verb_of
from tests.host.fake_host import OnLine

Lie = Callable[[Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class Place:
    """One place in what a host says during a scene: which answer, and where in it."""

    answer: int
    path: rewriting.Path

    def __str__(self) -> str:
        return f"answer {self.answer}: {'/'.join(map(str, self.path))}"


@dataclass
class Liar:
    """A host that says what was recorded, and lies where it was told to.

    Attributes:
        recording: of an honest one.
    """

    recording: Recording
    _lies: dict[int, list[Lie]] = field(default_factory=dict)

    def says(self, name: str, **fields: Any) -> Liar:
        """Let each fact, event or outcome of this name have other fields; see rewriting.told."""
        for number in range(len(self.recording.tellings)):
            self._lie(number, lambda lines: rewriting.told(lines, name, **fields))
        return self

    def says_at(self, place: Place, value: Any) -> Liar:
        """Let it say something else at one place."""
        self._lie(place.answer, lambda lines: rewriting.changed(lines, place.path, value))
        return self

    def places(self) -> Iterator[Place]:
        """Return every place at which it can lie."""
        for number, telling in enumerate(self.recording.tellings):
            lines = rewriting.taken_apart(telling.completed.stdout)
            yield from (Place(number, path) for path in rewriting.places(lines))

    def connect(self, _: object) -> Session:
        """Connect to it, as deployctl.ssh.connect would."""
        return _Retelling(self)

    @property
    def inventory(self) -> Path:
        """The client's."""
        return self.recording.inventory

    def answer(self, command: Command, said: list[int]) -> Completed:
        """Return what it says to a command.

        Args:
            command: of the client. A run's id in what was recorded becomes the one in it.
            said: numbers of the answers that were given; this one's is added.
        """
        number = self._number(verb_of(command), said)
        if number is None:
            return Completed(0, b"", b"")
        said.append(number)
        telling = self.recording.tellings[number]
        lines = rewriting.taken_apart(telling.completed.stdout)
        if telling.run:
            lines = rewriting.renamed(lines, telling.run, run_of(command))
        for lie in self._lies.get(number, []):
            lines = lie(lines)
        output = rewriting.put_together(lines)
        return Completed(telling.completed.exit_status, output, telling.completed.stderr)

    def _number(self, verb: str, said: Sequence[int]) -> int | None:
        """The next answer to such a question; a run that is followed says what it said before."""
        fitting = [n for n, t in enumerate(self.recording.tellings) if t.verb == verb]
        if verb == "follow" and not fitting:
            fitting = [n for n, t in enumerate(self.recording.tellings) if t.verb == "begin"]
        new = [number for number in fitting if number not in said]
        return next(iter(new or fitting[-1:]), None)

    def _lie(self, number: int, lie: Lie) -> None:
        self._lies.setdefault(number, []).append(lie)


class _Retelling(Session):
    def __init__(self, liar: Liar) -> None:
        self._liar = liar
        self._said: list[int] = []

    def close(self) -> None:
        """There is nothing to close."""

    def run(
        self,
        command: Command,
        *,
        timeout: float,  # noqa: ARG002 - it takes none
        on_line: OnLine | None = None,
        answers: bool = True,  # noqa: ARG002 - the same
        meanwhile: Callable[[], object] | None = None,
    ) -> Completed:
        """Retell what belongs to the command."""
        completed = self._liar.answer(command, self._said)
        if meanwhile is not None:
            meanwhile()
        if on_line is not None:
            for line in completed.stdout.splitlines():
                on_line(line)
        return completed
