"""The login that a fetch gives to docker: where it is, and that nothing is left of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployctl.errors import HostError
from deployctl.facts import FetchedImage, FetchFailure
from deployctl.inventory import Registry
from tests.scripts.host import FakeHost

MEMORY = Path("/dev/shm")
OURS = f"deployctl-login-{os.getuid()}-"


@pytest.fixture
def login() -> Registry:
    """A login that no other test has, so that its traces can be told from theirs."""
    return Registry("registry.example", "bot", f"right-{secrets.token_hex(8)}")


def traces(login: Registry) -> list[Path]:
    """Files in memory that have the password."""
    found = []
    for file in MEMORY.glob(f"{OURS}*/config.json"):
        with contextlib.suppress(OSError):  # another test's, and gone by now
            if login.password and login.password in file.read_text():
                found.append(file)
    return found


def await_no_trace(login: Registry) -> None:
    """What removes it is a process of its own: wait for it."""
    give_up = time.monotonic() + 10
    while traces(login):
        assert time.monotonic() < give_up, "the login is still there"
        time.sleep(0.02)


def test_docker_logs_in_before_it_pulls_and_nothing_is_left(
    host: FakeHost, login: Registry
) -> None:
    fetched = host.fetch(3, login)

    assert isinstance(fetched, FetchedImage)
    calls = host.calls("fetch")
    first = next(number for number, call in enumerate(calls) if call.startswith("docker login"))
    assert calls[first] == "docker login --username bot --password-stdin registry.example"
    assert any(call.startswith("docker pull") for call in calls[first:])
    assert not any(call.startswith("docker pull") for call in calls[:first])
    assert not any(str(login.password) in call for call in calls)
    assert traces(login) == []


def test_without_a_login_docker_is_not_asked_to_log_in(host: FakeHost) -> None:
    host.fetch(3)

    assert not any("login" in call for call in host.calls("fetch"))


def test_a_login_that_is_refused_ends_the_fetch(host: FakeHost, login: Registry) -> None:
    wrong = Registry(login.server, login.username, "wrong")

    fetched = host.fetch(3, wrong)

    assert isinstance(fetched, FetchFailure)
    assert fetched.login_failed
    assert fetched.words == ("unauthorized: authentication required",)
    assert not any(call.startswith("docker pull") for call in host.calls("fetch"))


def test_a_pull_that_fails_says_whether_the_host_is_logged_in(host: FakeHost) -> None:
    without = host.fetch(9)
    configuration = host.root / ".docker/config.json"
    configuration.parent.mkdir()
    configuration.write_text('{"auths":{"registry.example":{"auth":"x"}}}')
    with_one = host.fetch(9)

    assert isinstance(without, FetchFailure)
    assert without.host_has_login is False
    assert isinstance(with_one, FetchFailure)
    assert with_one.host_has_login is True


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fail", "hang", "kill-shell", "kill-all"])
def test_nothing_is_left_of_the_login_whatever_happens_at_whichever_call(
    host: FakeHost, login: Registry, kind: str
) -> None:
    host.hurry = 0.3
    host.fetch(3, login)
    calls = len(host.calls("fetch"))
    assert calls >= 5
    for number in range(1, calls + 1):
        host.forget_calls()
        host.break_at("fetch", number, kind)
        with contextlib.suppress(HostError):
            host.fetch(3, login)
        await_no_trace(login)
        assert host.serves() == 2


@pytest.fixture
def left_behind(login: Registry) -> Iterator[Path]:
    """What a kill of everything, the process that removes it included, leaves.

    It has another name at first, so that no fetch of another test finds it too early.
    """
    directory = MEMORY / f"being-made-{secrets.token_hex(8)}"
    directory.mkdir(mode=0o700)
    (directory / "config.json").write_text(str(login.password))
    (directory / "lock").touch()
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(public(directory), ignore_errors=True)


def public(directory: Path) -> Path:
    """Return the name under which a fetch looks for it."""
    return directory.with_name(directory.name.replace("being-made-", OURS))


def test_a_login_that_was_left_behind_is_removed_by_the_next_fetch(
    host: FakeHost, left_behind: Path
) -> None:
    left_behind.rename(public(left_behind))

    host.fetch(3)

    assert not public(left_behind).exists()


def test_a_login_that_another_fetch_uses_is_left_to_it(host: FakeHost, left_behind: Path) -> None:
    with (left_behind / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        left_behind.rename(public(left_behind))

        host.fetch(3)

        assert (public(left_behind) / "config.json").exists()
