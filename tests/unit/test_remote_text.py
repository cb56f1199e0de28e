"""Every parser of what a host says: any answer is a value or an error, in bounded time and memory.

Each is fed with noise, with JSON of the wrong shape, and with true answers that were damaged; then
with the worst that a host can send at once. A parser that is missing here is a hole: add it.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deployctl
from deployctl.compose import drift, ending, points, preconditions
from deployctl.compose.facts import FetchFailure, HostFacts, Measures
from deployctl.compose.hold import lifted_result, set_result
from deployctl.compose.host.check import read_measures
from deployctl.compose.host.fetch import Pull, read_fetch
from deployctl.compose.host.hold import read_answer, read_hold
from deployctl.compose.host.lock import read_holder
from deployctl.compose.host.probe import read_probe
from deployctl.compose.host.transact import RunEvents, is_event, waiting_for
from deployctl.compose.project import Configuration
from deployctl.compose.service import ConfiguredOnHost
from deployctl.errors import DeployctlError
from deployctl.release import record, way_back
from deployctl.release.reference import Reference, is_digest, tag_problem
from deployctl.ssh import failures, known_hosts
from deployctl.ssh.command import Completed
from deployctl.ssh.streams import Head, Lines, Tail
from tests.unit import build

Parser = Callable[[bytes], object]

_LONG = 128 * 1024
_SLOWEST = 10.0  # seconds for that much; what is quadratic takes many minutes
_LARGEST = 800 * _LONG


def encoded(text: str | bytes) -> str:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return base64.b64encode(data).decode()


# ---------------------------------------------------------------- the parsers


def probe(data: bytes) -> object:
    """All that is worked out of a probe: nothing behind the parser may stumble over it, either."""
    found = read_probe(data)
    with contextlib.suppress(DeployctlError):
        configuration = preconditions.require_ready(found, build.SERVICE, build.HOST)
        here = ConfiguredOnHost.of(build.SERVICE, found, configuration)
        _ = (here.running, here.well, here.digests)
    return drift.judge(found, build.SERVICE, "vps"), checked(found, Measures())


def checked(found: HostFacts, measures: Measures) -> object:
    subject = points.Subject(build.HOST, build.SERVICE, found, measures, timedelta(0))
    return points.findings(subject), points.unpushed_image(subject, "0")


def check(data: bytes) -> object:
    return checked(build.facts(build.container()), read_measures(data))


def registry(data: bytes) -> object:
    words = FetchFailure(tuple(data.decode("utf-8", "replace").splitlines()[-5:]), timed_out=False)
    return checked(build.facts(build.container()), Measures(registry=words))


def fetch(data: bytes) -> object:
    return read_fetch(data, build.REPOSITORY)


def recorded(data: bytes) -> object:
    read = record.parse(data)
    for well in (True, False):
        with contextlib.suppress(way_back.NoTarget):
            way_back.rollback_target(read, build.WEB, build.release(1), well=well)
    return read.unfinished(), read.next_seq


def events(data: bytes) -> object:
    said = RunEvents()
    for line in data.split(b"\n"):
        said = said.with_line(line)
        waiting_for(line)
        is_event(line)
    said.holder()
    said.ended_at()
    with contextlib.suppress(DeployctlError):
        ending.success_entry(said, ending.Asked("vps", "run-1", (build.SERVICE,)))
    return said


def pull(data: bytes) -> object:
    so_far = Pull()
    for line in data.split(b"\n"):
        so_far = so_far.with_line(line)
    return so_far, so_far.received, so_far.size


def configuration(data: bytes) -> object:
    value = json_or(data, {})
    read = Configuration.from_json(value if isinstance(value, dict) else {}, hash="")
    names = [build.WEB, *list(read.services)[:5]]
    return [(read.needed_by(name), read.sharing_tag(name)) for name in names]


def hold(data: bytes) -> object:
    answer = read_answer(data)
    return set_result(answer, "vps", build.WEB, "audit")


def lift(data: bytes) -> object:
    return lifted_result(read_answer(data), "vps", build.WEB)


def reference(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    repository = Reference.parse(text).repository
    return (
        tag_problem(text),
        is_digest(text),
        Reference(repository).registry,
    )


def lines(data: bytes) -> object:
    head, tail, split = Head(100), Tail(100), Lines(1000)
    parts = [data[start : start + 333] for start in range(0, len(data), 333)]
    for part in parts:
        head.add(part)
        tail.add(part)
        assert all(len(line) <= 1000 for line in split.add(part))
    assert (bytes(head), bytes(tail)) == (data[:100], data[-100:])
    return split


def stderr(data: bytes) -> object:
    return preconditions.script_failed(build.HOST, Completed(1, b"", data))


def banner(data: bytes) -> object:
    return failures.printable(data)


def json_or(data: bytes, otherwise: object) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return otherwise


PARSERS: dict[str, Parser] = {
    parser.__name__: parser
    for parser in (
        *(probe, check, registry, fetch, recorded, events, configuration, hold, lift, reference),
        *(pull, lines, stderr, banner, read_holder, read_hold),
    )
}


# ---------------------------------------------------------------- true answers, to be damaged

CONTAINER = {
    "id": "c" * 64,
    "name": "/infra-web-1",
    "reference": f"{build.REPOSITORY}:{build.tag(1)}",
    "image_id": build.image_id(1),
    "store": "overlay2",
    "labels": {
        "com.docker.compose.service": build.WEB,
        "com.docker.compose.project": "infra",
        "com.docker.compose.project.working_dir": "/opt/infra/compose",
    },
    "status": "running",
    "started_at": "2025-11-23T10:00:00Z",
    "exit_code": 0,
    "restarts": 0,
    "health": "healthy",
}
CONFIGURATION = {
    "name": "infra",
    "services": {
        "web": {
            "image": f"{build.REPOSITORY}:deployctl-tag-placeholder",
            "depends_on": {"db": {"condition": "service_healthy"}},
            "deploy": {"replicas": 2},
        },
        "db": {"image": "db:1", "depends_on": ["web"]},
    },
}
HISTORY = build.text([build.entry(1, 1), build.entry(2, 2, "started", previous=1)])
HOLD = {"v": 1, "at": "2025-11-23T10:00:00Z", "by": "kim", "reason": "audit"}
HOLDER = {"run": "r", "by": "sam", "action": "deploy", "service": "web", "tag": "t", "since": "now"}


def fact(name: str, value: object, status: int = 0) -> dict[str, object]:
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    return {"fact": name, "output": encoded(text), "status": status}


ANSWERS: list[dict[str, Any]] = [
    {"fact": "host", "user": "deploy", "now": "2025-11-23T12:00:00Z", "uptime": 1.5},
    {"fact": "tools", "missing": []},
    *({"fact": "path", "index": index, "state": "ok"} for index in range(3)),
    fact("images", f"{build.image_id(1)} {build.REPOSITORY} {build.tag(1)} {build.digest(1)}"),
    fact("containers", CONTAINER),
    fact("config", CONFIGURATION),
    fact("hashes", f"web {'a' * 64}\n"),
    {"fact": "history-size", "bytes": len(HISTORY)},
    fact("history", HISTORY),
    {"fact": "lock", "state": "held"},
    fact("holder", HOLDER),
    fact("hold", HOLD),
    fact("disk", "Filesystem 1024-blocks Used Available\n/dev/vda 10 5 5 50% /"),
    fact("docker", "26.1.5"),
    fact("compose", "2.26.1"),
    fact("image-sizes", "123\n456\n"),
    fact("image-disk", "Filesystem 1024-blocks Used Available\n/dev/vda 10 5 5 50% /"),
    fact("state-disk", "Filesystem 1024-blocks Used Available\n/dev/vda 10 5 5 50% /"),
    fact("pull", f"Digest: {build.digest(1)}"),
    {"fact": "layer", "id": "a1b2c3d4e5f6", "is": "Downloading [=>  ]  1.5MB/3MB"},
    fact("image", {"image_id": build.image_id(1), "digests": [], "labels": {}}),
    {"event": "begun"},
    {"event": "step", "what": "up", "seconds": 1},
    {"event": "gave-up", "seconds": 60.0},
    {"event": "waiting", "what": "holder", "text": encoded(json.dumps(HOLDER))},
    {"event": "container-log", "what": "exited", "text": encoded("panic")},
    {"event": "outcome", "what": "entry", "text": encoded(HISTORY)},
    {"event": "changed", "what": "hold", "text": encoded(json.dumps(HOLD))},
    {"outcome": "set", "before": None, "now": encoded(json.dumps(HOLD))},
    {"outcome": "held", "before": encoded("?"), "now": encoded("?")},
    {"outcome": "busy", "holder": encoded(json.dumps(HOLDER))},
    HOLD,
    HOLDER,
    build.entry(3, 3),
    CONFIGURATION,
]

HOSTILE_TEXT = st.text(max_size=20) | st.sampled_from(
    [
        "\x1b[2J\x1b]0;x\x07",
        "::error::x",
        "[bold]x[/]",
        "\0",
        "\ud800",
        "\u202e",
        "9" * 5000,
        "=" * 9,
        "sha256:" + "a" * 64,
        "../../etc/passwd",
        encoded("{"),
        encoded(b"\xff\xfe\0\n"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | HOSTILE_TEXT
    | st.sampled_from([10**400, -(10**400), 1e308, 2**53, 2**63])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(HOSTILE_TEXT, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Lines of true answers, some with a field of another kind, or with bytes changed in them."""
    chosen = draw(st.lists(st.sampled_from(ANSWERS), max_size=6))
    if draw(st.booleans()):
        chosen = [ANSWERS[0], *chosen]
    text = []
    for line in chosen:
        value = dict(line)
        for name in draw(st.lists(st.sampled_from(sorted(value)), max_size=2)):
            value[name] = draw(JSON)
        text.append(json.dumps(value))
    data = "\n".join(text).encode("utf-8", "surrogatepass")
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 3)) :]


@st.composite
def damaged_inside(draw: st.DrawFn) -> bytes:
    """A true answer whose base64 field has something else in it."""
    lines_ = []
    for line in ANSWERS:
        value = dict(line)
        for name in {"output", "text", "holder", "now"} & set(value):
            if isinstance(value[name], str) and draw(st.integers(0, 5)) == 0:
                inner = draw(st.binary(max_size=40) | JSON.map(lambda j: json.dumps(j).encode()))
                value[name] = encoded(inner)
        lines_.append(json.dumps(value))
    kind = draw(st.sampled_from(["fact", "event", "outcome"]))
    wanted = [line for line in lines_ if f'"{kind}"' in line]
    return "\n".join(wanted).encode()


def parse(name: str, data: bytes) -> None:
    """Anything but a value or an error of ours is a bug."""
    with contextlib.suppress(DeployctlError):
        PARSERS[name](data)


@pytest.mark.parametrize("name", PARSERS)
@given(
    data=st.binary(max_size=300)
    | damaged()
    | damaged_inside()
    | JSON.map(json.dumps).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_answer_is_a_value_or_an_error(name: str, data: bytes) -> None:
    parse(name, data)


@pytest.mark.parametrize("name", PARSERS)
def test_a_true_answer_is_read(name: str) -> None:
    """So that the damaged ones get beyond the first line of the parser."""
    data = b"\n".join(json.dumps(line).encode() for line in ANSWERS if "fact" in line)
    if name in {"probe", "check", "fetch"}:
        PARSERS[name](data)
    if name in {"hold", "lift"}:
        (answer,) = (line for line in ANSWERS if line.get("outcome") == "set")
        PARSERS[name](json.dumps(answer).encode())


# ---------------------------------------------------------------- the worst


def chain(count: int) -> bytes:
    """Services that need one another, one behind the other."""
    names = [build.WEB, *(f"s{number}" for number in range(count))]
    services = {name: {"depends_on": [needed]} for name, needed in itertools.pairwise(names)}
    return json.dumps({"name": "infra", "services": services}).encode()


def lattice(layers: int) -> bytes:
    """Layers of services that need all of the next: as many ways down as 2 to that power."""
    services: dict[str, Any] = {build.WEB: {"depends_on": ["a0", "b0"]}}
    for layer in range(layers):
        for side in "ab":
            services[f"{side}{layer}"] = {"depends_on": [f"a{layer + 1}", f"b{layer + 1}"]}
    return json.dumps({"name": "infra", "services": services}).encode()


WORST: dict[str, bytes] = {
    "no newline": b"a" * _LONG,
    "newlines only": b"\n" * (_LONG // 16),
    "zero bytes": b"\0" * _LONG,
    "no UTF-8": b"\xff\xfe" * (_LONG // 2),
    "escapes": b"\x1b[" * (_LONG // 2),
    "spaces": b" " * _LONG,
    "colons and slashes": b":/@" * (_LONG // 3),
    "deep": b"[" * _LONG,
    "deep objects": b'{"a":' * (_LONG // 5),
    "digits": b'{"seq":' + b"9" * _LONG + b"}",
    "one long text": b'{"fact":"host","user":"' + b"a" * _LONG + b'","now":"x"}',
    "many lines": b"{}\n" * (_LONG // 32),
    "history beginnings": b'{"v":1,"seq":' * (_LONG // 13),
    "a chain of services": chain(5_000),
    "a lattice of services": lattice(1_000),
    "the same in a probe": b"\n".join(
        json.dumps(line).encode()
        for line in (*ANSWERS[:7], fact("config", lattice(1_000)), *ANSWERS[9:15])
    ),
    "a long history in a probe": b"\n".join(
        json.dumps(line).encode()
        for line in (*ANSWERS[:9], fact("history", HISTORY * 200), *ANSWERS[11:15])
    ),
    "many containers": b"\n".join(
        json.dumps(line).encode()
        for line in (
            *ANSWERS[:6],
            fact("containers", b"\n".join([json.dumps(CONTAINER).encode()] * 500)),
            *ANSWERS[7:15],
        )
    ),
    "a host key that never ends": b"ssh-ed25519 " + b"AAAA" * (_LONG // 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("worst", WORST)
def test_the_worst_answer_takes_bounded_time_and_memory(worst: str) -> None:
    data = WORST[worst]
    for name in PARSERS:
        started = time.process_time()
        tracemalloc.start()
        try:
            parse(name, data)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert time.process_time() - started < _SLOWEST, name
        assert peak < _LARGEST, name


@given(data=damaged() | st.binary(max_size=300))
def test_any_known_hosts_file_is_read(data: bytes) -> None:
    class File:
        """A path whose file has this text; the parser reads nothing else of it."""

        def read_text(self, *_: str) -> str:
            return data.decode("utf-8", "replace")

    files: list[Any] = [File()]
    known_hosts.known_keys(files, "vps.example", 22)


def test_the_files_that_parse_remote_text_are_all_here() -> None:
    """A new module that decodes JSON or base64 has to be looked at."""
    package = Path(deployctl.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(word in path.read_text() for word in ("json.loads(", "b64decode(", "a2b_base64("))
    }
    elsewhere = {name for name in found if name.startswith(("lint/", "inventory/", "render/"))}
    elsewhere.add("ssh/private_keys.py")  # the user's own key
    elsewhere.add("workflow_events.py")  # what a runner wrote; test_workflow_events.py
    assert found - elsewhere == {"compose/host/wire.py", "release/foreign_json.py"}
