"""All gates of a run in their order, with what each of them said: also those that were not asked.

Pure. A refusal is an error; the list puts it in the gate's place, and travels with the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from deployctl.errors import DeployctlError
from deployctl.verdict import Verdict

# In the order of docs/gates.md. Those that need no image are asked before it is fetched.
DEPLOY = (
    "tag",
    "source",
    "model",
    "busy",
    "hold",
    "expect-current",
    "order",
    "digest",
    "tag-stays",
    "revision",
    "signature",
    "image",
    "persist",
    "dependencies",
)
ROLLBACK = ("source", "model", "busy", "tag-stays", "image")
HOLD = ("source", "model")

GATE_OF = {
    "tag-refused": "tag",
    "source-refused": "source",
    "model-refused": "model",
    "busy": "busy",
    "lock-taken": "busy",
    "hold": "hold",
    "current-unexpected": "expect-current",
    "run-older": "order",
    "digest-mismatch": "digest",
    "tag-moved": "tag-stays",
    "revision-mismatch": "revision",
    "revision-missing": "revision",
    "signature-refused": "signature",
    "cosign-missing": "signature",
    "service-unknown": "image",
    "build-section": "image",
    "tag-not-used": "image",
    "registry-mismatch": "image",
    "tag-shared": "persist",
    "env-file-foreign": "persist",
    "dependency-unhealthy": "dependencies",
}
"""Which gate an error's code is the refusal of."""

NOT_REACHED = "not reached"


class Checklist:
    """What the gates of one run have said so far."""

    def __init__(self, gates: Sequence[str]) -> None:
        self._gates = tuple(gates)
        self._said: dict[str, Verdict] = {}

    def add(self, *verdicts: Verdict) -> None:
        """Note what gates said."""
        self._said.update({verdict.gate: verdict for verdict in verdicts})

    def verdicts(self, otherwise: str = NOT_REACHED) -> tuple[Verdict, ...]:
        """Return a verdict for every gate; `otherwise`: why those that are missing did not run."""
        return tuple(
            self._said.get(gate) or Verdict(gate, False, otherwise, ran=False)
            for gate in self._gates
        )

    @contextmanager
    def told_with_errors(self) -> Iterator[None]:
        """Let an error that leaves the block take the list along, the refusing gate included."""
        try:
            yield
        except DeployctlError as error:
            gate = GATE_OF.get(error.code)
            if gate is not None:
                self.add(Verdict(gate, False, error.message))
            error.verdicts = self.verdicts()
            raise
