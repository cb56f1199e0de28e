"""The commands that set and lift a hold, on several hosts."""

from __future__ import annotations

import importlib

import pytest

from deployctl.errors import InterruptedByUserError
from deployctl.ssh.connection import Connection
from tests.unit.build import HOST


def stop(_: Connection) -> None:
    raise KeyboardInterrupt


def test_who_stops_it_is_not_told_that_nothing_was_changed() -> None:
    # The package has a function of the same name.
    command = importlib.import_module("deployctl.cli.hold")

    with pytest.raises(InterruptedByUserError, match=f"stopped on {HOST.name}") as raised:
        command.on_host(HOST, "web", stop)

    assert raised.value.state == f"whether deploys of web on {HOST.name} are held is not known"
    assert raised.value.hint.endswith("deployctl status web")
