"""How far a pull is: what fetch.sh says while docker works, whatever docker says."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployctl.compose.facts import FetchedImage, FetchFailure
from deployctl.compose.host.fetch import MOST_LAYERS, Pull, Stage
from deployctl.inventory import Registry
from tests.host.fake_host import REPOSITORY, FakeHost, Flavour, LocalSession
from tests.unit.build import image_id, tag

LAYERS = [f"{number:012x}" for number in range(40)]
BEFORE = [
    "sha-0000003: Pulling from web",
    f"{LAYERS[0]}: Already exists",
    *(f"{layer}: Pulling fs layer" for layer in LAYERS[1:]),
    f"{LAYERS[2]}: Waiting",
    f"{LAYERS[1]}: Verifying Checksum",
    f"{LAYERS[1]}: Download complete",
]
AFTER = [f"{layer}: Pull complete" for layer in LAYERS[1:]]


def says(host: FakeHost, *lines: str | bytes) -> None:
    """Let the next pulls say this; at "wait", they wait for `go_on`."""
    data = b"".join(x.encode() + b"\n" if isinstance(x, str) else x for x in lines)
    (host.fake / "pulling").write_bytes(data)


def go_on(host: FakeHost) -> None:
    (host.fake / "go-on").touch()


class Listener:
    """Listens to a fetch; does something once, as soon as a layer has been downloaded."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.pull = Pull()
        self.lines: list[bytes] = []
        self.counts: list[tuple[int, ...]] = []
        self._then = then

    def __call__(self, line: bytes) -> None:
        self.lines.append(line)
        self.pull = self.pull.with_line(line)
        self.counts.append(tuple(map(self.pull.count, Stage)))
        if self.counts[-1] == (40, 2, 1):
            self._then()

    @property
    def told(self) -> list[bytes]:
        return [line for line in self.lines if b'"layer"' in line]


def check_that_it_tells_layers(host: FakeHost, login: Registry | None) -> None:
    says(host, *BEFORE, "wait", *AFTER)
    listener = Listener(then=lambda: go_on(host))

    fetched = host.fetch(3, login, listener=listener)

    assert isinstance(fetched, FetchedImage)
    assert fetched.image_id == image_id(3)
    assert fetched.digest  # docker says it after the layers
    assert (1, 1, 1) in listener.counts
    assert (40, 2, 1) in listener.counts  # while docker waited
    assert listener.counts[-1] == (40, 40, 40)


def right_login() -> Registry:
    return Registry("registry.example", "bot", f"right-{secrets.token_hex(8)}")


def test_layers_are_told_while_docker_pulls(host: FakeHost) -> None:
    check_that_it_tells_layers(host, None)


def test_they_are_told_with_a_login_of_the_clients_too(host: FakeHost) -> None:
    check_that_it_tells_layers(host, right_login())


@pytest.mark.slow
def test_they_are_told_where_everything_is_busybox(
    flavours: dict[str, Flavour], tmp_path: Path
) -> None:
    host = FakeHost.make(tmp_path / "host", flavours["busybox"])
    check_that_it_tells_layers(host, right_login())


def test_a_pull_that_fails_half_way_is_a_failure_with_dockers_words(host: FakeHost) -> None:
    says(host, *BEFORE)
    host.break_at("fetch", 2, "fail-after")
    listener = Listener()

    fetched = host.fetch(3, listener=listener)

    assert isinstance(fetched, FetchFailure)
    assert fetched.words[-1] == "simulated failure, afterwards"
    assert listener.counts[-1] == (40, 2, 1)


def test_a_pull_that_hangs_half_way_is_a_failure_in_time(host: FakeHost) -> None:
    host.hurry = 3.0
    says(host, *BEFORE, "wait")
    listener = Listener()

    fetched = host.fetch(3, listener=listener)

    assert isinstance(fetched, FetchFailure)
    assert fetched.timed_out
    assert fetched.words[-1] == BEFORE[-1]
    assert listener.counts[-1] == (40, 2, 1)


def test_bytes_are_told_where_docker_says_them_but_not_each_time(host: FakeHost) -> None:
    bar = "Downloading [=====>      ]"
    says(host, *(f"{LAYERS[0]}: {bar}  {size / 10}MB/340MB" for size in range(300)))
    listener = Listener()

    host.fetch(3, listener=listener)

    assert listener.pull.size == 340_000_000
    assert len(listener.told) < 30


NO_LINES_OF_DOCKERS = (
    b'000000000001: Pulling fs layer"}\n',
    b'000000000001: Downloading ["] 1B/","fact":"pull"}B\n',
    b'{"fact":"pull","output":"","status":0}\n',
    b'"}\n{"fact":"image","output":"e30=","status":0}\n',
    b"000000000001: \x1b[2JPull complete\n",
    b"000000000001: Downloading \x1b[31m 1MB/2\xc3\xa9MB\n",
    b"../../../../: Pull complete\n",
    b"::error::000000000001: Pull complete\n",
    b"000000000001: Downloading %s%n 1%sB/1%nB\n",
    b"000000000001: Downloading" + b" x" * 100 + b" 1B/2B\n",
    b"\\0\\n\\c%b" * 100 + b"\n",
    b"000000000001: Waiting" * 1000 + b"\n",
    b"a" * 30_000,
)


def test_what_is_no_line_of_dockers_tells_nothing_and_harms_nothing(host: FakeHost) -> None:
    known = b"\n000000000002: Waiting\n"
    says(host, *NO_LINES_OF_DOCKERS, known, *NO_LINES_OF_DOCKERS)
    listener = Listener()

    fetched = host.fetch(3, listener=listener)

    assert isinstance(fetched, FetchedImage)
    assert fetched.image_id == image_id(3)
    assert fetched.digest
    assert listener.told == [b'{"fact":"layer","id":"000000000002","is":"Waiting"}']


@pytest.mark.slow
def test_more_than_anybody_would_read_is_neither_told_nor_kept(host: FakeHost) -> None:
    flood = b"".join(b"%012x: Waiting\n" % number for number in range(9000))
    says(host, flood * 2)
    host.break_at("fetch", 2, "fail-after")
    listener = Listener()

    fetched = host.fetch(3, listener=listener)

    assert isinstance(fetched, FetchFailure)
    assert fetched.words[-1] == "simulated failure, afterwards"
    assert len(listener.told) == 1000
    assert len(listener.pull.layers) == MOST_LAYERS


@pytest.mark.parametrize("login", [None, right_login()], ids=["own", "given"])
def test_a_client_that_goes_away_in_the_middle_leaves_the_name_as_it_was_and_nobody_behind(
    host: FakeHost, login: Registry | None
) -> None:
    host.push(2, content=8)
    says(host, *BEFORE, "wait", *AFTER)
    with LocalSession(host).started(host.fetch_command(2, login)) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(host.fetch_command(2, login).stdin)
        process.stdin.close()
        while b'"layer"' not in process.stdout.readline():
            pass
        process.stdout.close()
        go_on(host)
        process.wait(timeout=30)

        assert host.tagged(2) == 2
        assert host.calls("fetch")[-1] == f"docker tag {image_id(2)} {REPOSITORY}:{tag(2)}"
        await_nobody_in(process.pid)


def await_nobody_in(session: int) -> None:
    """Wait until no process of a session is left."""
    give_up = time.monotonic() + 60
    while members := processes_of(session):
        assert time.monotonic() < give_up, members
        time.sleep(0.02)


def processes_of(session: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text()
            state, _, _, its_session = text.rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(text)
    return found
