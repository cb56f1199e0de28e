"""The gates in their order, and what each of them said: also those that were not asked.

Pure. A refusal is an error; the list puts it in the gate's place, and travels with the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from typing import ParamSpec

from deployctl.errors import DeployctlError, GateResult

_P = ParamSpec("_P")


class Gate(StrEnum):
    """What must hold before anything is changed, in the order of docs/gates.md.

    They are asked in another one: those that need no image before it is fetched.
    """

    TAG = "tag"
    SOURCE = "source"
    MODEL = "model"
    BUSY = "busy"
    HOLD = "hold"
    EXPECT_CURRENT = "expect-current"
    ORDER = "order"
    DIGEST = "digest"
    TAG_STAYS = "tag-stays"
    REVISION = "revision"
    SIGNATURE = "signature"
    IMAGE = "image"
    PERSIST = "persist"
    DEPENDENCIES = "dependencies"


DEPLOY = tuple(Gate)
ROLLBACK = (Gate.SOURCE, Gate.MODEL, Gate.BUSY, Gate.TAG_STAYS, Gate.IMAGE)
HOLD = (Gate.SOURCE, Gate.MODEL)

MODEL_IS_COMPOSE = GateResult(Gate.MODEL, True, "compose")
"""That of a service which is deployed over SSH; what Flux applies is refused."""

NOT_REACHED = "not reached"


def gate(name: Gate) -> Callable[[Callable[_P, str]], Callable[_P, GateResult]]:
    """Make a gate of a function that returns its evidence, or raises its refusal."""

    def make(rule: Callable[_P, str]) -> Callable[_P, GateResult]:
        @wraps(rule)
        def asked(*args: _P.args, **kwargs: _P.kwargs) -> GateResult:
            try:
                return GateResult(name, True, rule(*args, **kwargs))
            except DeployctlError as refusal:
                refusal.gate = name
                raise

        return asked

    return make


class Checklist:
    """What the gates of one run have said so far.

    Args:
        gates: those that are asked, in the order in which they are shown.
        results: of those that were asked before.
    """

    def __init__(self, gates: Sequence[Gate], results: Iterable[GateResult] = ()) -> None:
        self._gates = tuple(gates)
        self._results = {result.gate: result for result in results}

    def ask(self, results: Iterable[GateResult]) -> None:
        """Note what gates say, one after the other; the first that refuses ends it."""
        for result in results:
            self._results[result.gate] = result

    @property
    def asked(self) -> tuple[GateResult, ...]:
        """What was said so far."""
        return tuple(self._results.values())

    def results(self, otherwise: str = NOT_REACHED) -> tuple[GateResult, ...]:
        """Return a result for every gate; `otherwise`: why those that are missing did not run."""
        return tuple(
            self._results.get(gate) or GateResult(gate, False, otherwise, ran=False)
            for gate in self._gates
        )

    @contextmanager
    def attached_to_errors(self) -> Iterator[None]:
        """Let an error that leaves the block take the list along, the refusing gate included."""
        try:
            yield
        except DeployctlError as error:
            if error.gate:
                self.ask([GateResult(error.gate, False, error.message)])
            error.gate_results = self.results()
            raise
