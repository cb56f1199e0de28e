"""The login that a fetch gives to docker: where it is, and that nothing is left of it."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployctl.compose.facts import FetchedImage, FetchFailure
from deployctl.compose.host.fetch import read_fetch
from deployctl.errors import HostError
from deployctl.inventory import Registry
from tests.host.fake_host import REPOSITORY, FakeHost, LocalSession

MEMORY = Path("/dev/shm")
OURS = "deployctl-login."
OF_THE_VERSION_BEFORE = f"deployctl-login-{os.getuid()}-"


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
    give_up = time.monotonic() + 60
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
    host.fetch(3, login)
    host.hurry = 0.3
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


@pytest.fixture(params=[OURS, OF_THE_VERSION_BEFORE])
def public(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A name under which a fetch looks for it."""
    number = secrets.randbelow(900000) + 100000
    path = MEMORY / f"{request.param}{number}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_a_login_that_was_left_behind_is_removed_by_the_next_fetch(
    host: FakeHost, left_behind: Path, public: Path
) -> None:
    left_behind.rename(public)

    host.fetch(3)

    assert not public.exists()


def test_a_login_that_another_fetch_uses_is_left_to_it(
    host: FakeHost, left_behind: Path, public: Path
) -> None:
    with (left_behind / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        left_behind.rename(public)

        host.fetch(3)

        assert (public / "config.json").exists()


# ---------------------------------------------------------------- other users of the host


@pytest.fixture
def precious() -> Iterator[Path]:
    """A directory of the user's that is none of deployctl's."""
    directory = MEMORY / f"precious-{secrets.token_hex(8)}"
    directory.mkdir()
    (directory / "keys").write_text("a key")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def bait(precious: Path) -> Iterator[list[Path]]:
    """Names in a place for everybody that lead a careless clean-up to what is precious."""
    mine = f"{OF_THE_VERSION_BEFORE}7"
    made = [
        MEMORY / f"{mine}\n{precious}",
        MEMORY / f"{mine} {precious.name}",
        MEMORY / f"{mine}*",
        MEMORY / f"{OURS}ab-*[a",
        MEMORY / f"{OURS}abcdefg",
        MEMORY / f"{OURS}{secrets.token_hex(3)}",
        MEMORY / f"{mine}8",
    ]
    # A path with a line break in it needs all the directories that it names.
    made[0].mkdir(parents=True)
    for directory in made[1:5]:
        directory.mkdir()
    for link in made[5:]:
        link.symlink_to(precious)
    yield made
    shutil.rmtree(MEMORY / f"{mine}\n")
    for path in made[1:]:
        if path.is_symlink():
            path.unlink()
        else:
            path.rmdir()


def test_names_that_others_chose_are_not_taken_for_logins(
    host: FakeHost, login: Registry, precious: Path, bait: list[Path]
) -> None:
    host.fetch(3, login)

    assert (precious / "keys").read_text() == "a key"
    assert not (precious / "lock").exists()
    assert all(path.is_symlink() or path.is_dir() for path in bait)


def test_a_directory_that_others_may_have_moved_there_is_no_login(
    host: FakeHost, precious: Path
) -> None:
    """Who may write into a directory can move it to where it has a login's name."""
    moved = MEMORY / f"{OURS}{secrets.token_hex(3)}"
    precious.chmod(0o777)
    precious.rename(moved)

    host.fetch(3)

    moved.rename(precious)
    assert (precious / "keys").read_text() == "a key"


def test_a_directory_of_another_user_is_left_to_them(host: FakeHost, left_behind: Path) -> None:
    theirs = MEMORY / f"{OURS}{secrets.token_hex(3)}"
    # Not the other way round: what is root's goes with whichever fetch of root's comes next.
    os.chown(left_behind, 65534, -1)
    left_behind.rename(theirs)
    try:
        host.fetch(3)
        assert (theirs / "config.json").exists()
    finally:
        shutil.rmtree(theirs)


@pytest.fixture
def own_memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory of this user alone, with 64 KiB, whose path has blanks in it."""
    directory = tmp_path / "my own memory"
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(directory)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here: that takes root")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


def fetch_there(host: FakeHost, login: Registry, memory: Path) -> FetchedImage | FetchFailure:
    """Fetch where the session has a directory in memory of its own."""
    command = host.fetch_command(3, login)
    command = dataclasses.replace(command, environment={"XDG_RUNTIME_DIR": str(memory)})
    return read_fetch(LocalSession(host).run(command, timeout=30).stdout, REPOSITORY)


def test_a_place_that_nobody_else_can_fill_comes_first(
    host: FakeHost, login: Registry, own_memory: Path
) -> None:
    assert isinstance(fetch_there(host, login, own_memory), FetchedImage)

    (place,) = (host.fake / "logins").read_text().splitlines()
    assert re.fullmatch(rf"{own_memory}/deployctl-login\.[0-9A-Za-z]{{6}}", place)
    give_up = time.monotonic() + 60
    while list(own_memory.iterdir()):
        assert time.monotonic() < give_up
        time.sleep(0.02)


@pytest.mark.parametrize("when", ["before", "while docker writes"])
def test_where_one_place_is_full_the_next_takes_the_login(
    host: FakeHost, login: Registry, own_memory: Path, when: str
) -> None:
    if when == "before":
        fill(own_memory)
    else:
        host.write("fill-login", "")

    assert isinstance(fetch_there(host, login, own_memory), FetchedImage)

    places = (host.fake / "logins").read_text().splitlines()
    assert str(Path(places[-1]).parent) == str(MEMORY)
    assert len(places) == (1 if when == "before" else 2)
    assert traces(login) == []


def fill(place: Path) -> None:
    """Leave no block of it free."""
    with (place / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_place_that_others_may_enter_is_not_taken_for_ones_own(
    host: FakeHost, login: Registry, own_memory: Path
) -> None:
    own_memory.chmod(0o755)

    assert isinstance(fetch_there(host, login, own_memory), FetchedImage)

    (place,) = (host.fake / "logins").read_text().splitlines()
    assert str(Path(place).parent) == str(MEMORY)


def test_a_login_that_another_fetch_removes_before_it_is_locked_is_made_again(
    host: FakeHost, login: Registry, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    shutil.copytree(host.flavour.tools, tools, symlinks=True)
    (tools / "mktemp").unlink()
    (tools / "mktemp").write_text(
        f'#!/bin/sh\nmade=$({host.flavour.tools}/mktemp "$@") || exit\nprintf "%s\\n" "$made"\n'
        f'echo >>{tmp_path}/made\n[ "$(wc -l <{tmp_path}/made)" -gt 3 ] || rm -r "$made"\n'
    )
    (tools / "mktemp").chmod(0o755)
    host.flavour = dataclasses.replace(host.flavour, tools=tools)

    assert isinstance(host.fetch(3, login), FetchedImage)
    assert Path((host.fake / "logins").read_text().strip()).parent == MEMORY
    await_no_trace(login)
