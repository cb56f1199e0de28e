"""The command that ends a run, on several hosts."""

from __future__ import annotations

import importlib

import pytest

from deployctl.compose import abort
from deployctl.compose.ending import stopped_aborting
from deployctl.errors import InterruptedByUserError, RefusedError
from deployctl.release.abort import AbortOutcome
from deployctl.release.origin import Origin
from deployctl.ssh.connection import Connection
from tests.unit.build import HOST, SERVICE


def test_who_stops_it_on_one_host_has_no_further_host_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(connection: Connection, *_: object) -> None:
        raise stopped_aborting(connection.host.name, None)

    monkeypatch.setattr(abort, "abort", stop)
    # The package has a function of the same name.
    command = importlib.import_module("deployctl.cli.abort")
    with pytest.raises(InterruptedByUserError):
        command.on_host(HOST, SERVICE, Origin("lee", "terminal"), lambda _: None)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (abort.NOTHING_TO_ABORT, AbortOutcome.NONE),
        (abort.TOO_LATE, AbortOutcome.FAILED),
    ],
)
def test_a_run_that_succeeded_meanwhile_counts_also_where_another_host_was_aborted(
    code: str, outcome: AbortOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RefusedError(code, "no")

    monkeypatch.setattr(abort, "abort", refuse)
    command = importlib.import_module("deployctl.cli.abort")

    assert command.on_host(HOST, SERVICE, Origin("lee", "terminal"), print).outcome is outcome
