"""Scenes that are recorded once, and the program to play them with."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer.main

from deployctl import __main__ as program
from deployctl.compose import run
from deployctl.inventory import Host
from deployctl.ssh.session import Session
from tests.forged.checker import Shown
from tests.forged.lies import Liar
from tests.forged.scenes import GITHUB, SCENES, Recording, recorded
from tests.host.conftest import flavours, running_host
from tests.host.fake_host import FakeHost

__all__ = ["flavours", "running_host"]

WAYS = ("text", "terminal", "json", "github", "github json")
"""How a call can be looked at."""

Show = Callable[[Liar, str], Shown]


class _Terminal(io.StringIO):
    """A stream that a person sees, without colours."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Run what was recorded against a liar, and return all that was shown."""
    monkeypatch.setattr(run, "RECONNECT_LIMIT", 0.0)
    monkeypatch.setattr(run, "RECONNECT_PAUSE", 0.0)
    _without_github(monkeypatch)

    def show(liar: Liar, way: str = "text") -> Shown:
        files = {n: tmp_path / n for n in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        in_github = way.startswith("github")
        with monkeypatch.context() as patched:
            for name, value in {**GITHUB, **files}.items() if in_github else ():
                patched.setenv(name, str(value))
            arguments = [*liar.recording.arguments, *(["--json"] if "json" in way else [])]
            streams = _Terminal if way == "terminal" else io.StringIO
            out, err = streams(), streams()
            status = _play(patched, liar.inventory, arguments, liar.connect, out, err)
        return Shown(
            status,
            out.getvalue(),
            err.getvalue(),
            files["GITHUB_OUTPUT"].read_text() if in_github else None,
            files["GITHUB_STEP_SUMMARY"].read_text(),
            json="json" in way,
            own=("vps", *liar.recording.arguments, *(GITHUB.values() if in_github else ())),
        )

    return show


@pytest.fixture(scope="session")
def record(
    running_host: Callable[[str], FakeHost], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Recording]]:
    """Return what an honest host says in a scene."""
    directory = tmp_path_factory.mktemp("scenes")
    patch = pytest.MonkeyPatch()
    _without_github(patch)

    @functools.cache
    def make(name: str) -> Recording:
        host = running_host("dash").copy(directory / f"{len(list(directory.iterdir()))}")

        def play(inventory: Path, argv: tuple[str, ...], connect: Callable[[Host], Session]) -> int:
            with patch.context() as patched:
                return _play(patched, inventory, argv, connect, io.StringIO(), io.StringIO())

        return recorded(SCENES[name], host, play)

    yield make
    patch.undo()


@pytest.fixture
def liar(record: Callable[[str], Recording]) -> Callable[[str], Liar]:
    """Return a host that retells a scene, and does not lie yet."""
    return lambda name: Liar(record(name))


# Typer makes its commands anew for each call, which takes longer than all the rest of one.
_commands = functools.cache(typer.main.get_command)


def _without_github(patch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("GITHUB_", "DEPLOYCTL_")):
            patch.delenv(name)


def _play(
    patch: pytest.MonkeyPatch,
    inventory: Path,
    arguments: list[str] | tuple[str, ...],
    connect: Callable[[Host], Session],
    out: io.StringIO,
    err: io.StringIO,
) -> int:
    patch.setattr("deployctl.ssh.connection.connect", connect)
    patch.setattr(typer.main, "get_command", _commands)
    patch.setattr("sys.stdout", out)
    patch.setattr("sys.stderr", err)
    patch.setenv("DEPLOYCTL_INVENTORY", str(inventory))
    patch.setenv("TERM", "dumb")
    patch.setenv("COLUMNS", "80")
    try:
        return program.run(list(arguments))
    except SystemExit as left:
        return int(left.code or 0)
