"""The command that fetches an image, what it says of it, and how far the pull is meanwhile."""

from __future__ import annotations

import functools
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.facts import FetchedImage, FetchFailure
from deployctl.compose.host.fetch import MOST_LAYERS, Layer, Pull, Stage, fetch_command, read_fetch
from deployctl.errors import HostError
from deployctl.inventory import Registry, Signature
from tests.unit.build import REPOSITORY, digest, image_id
from tests.unit.compose.host.printed import ENCODED, output, printed, with_host_errors_only
from tests.unit.compose.test_project import JSON


def test_a_fetch_gets_the_image_our_own_name_for_it_and_the_limit() -> None:
    command = fetch_command("registry.example/web:1", "deployctl/infra/web:1")

    image = ("registry.example/web:1", "deployctl/infra/web:1")
    assert command.argv[4:] == (*image, "600", "registry.example", "", "")
    assert command.stdin == b""


def test_a_fetch_gets_a_password_on_its_standard_input_and_a_key_as_an_argument() -> None:
    login = Registry("registry.example", "bot", "correct-horse")
    signature = Signature(key="PEM", annotations=(("scan", "passed"),))

    command = fetch_command("registry.example/web:1", "kept:1", login=login, signature=signature)

    assert command.argv[7:] == ("registry.example", "bot", "PEM", "scan=passed")
    assert command.stdin == b"correct-horse\n"
    assert "correct-horse" not in command.as_shell()


# ---------------------------------------------------------------- what it says in the end


def fetched(pull: str, image_value: dict[str, Any], status: int = 0) -> Any:
    return read_fetch(
        printed(output("pull", pull), output("image", image_value, status)), REPOSITORY
    )


IMAGE: dict[str, Any] = {
    "image_id": image_id(1),
    "digests": [f"{REPOSITORY}@{digest(1)}", f"{REPOSITORY}@{digest(2)}", f"other@{digest(3)}"],
    "labels": {"org.opencontainers.image.revision": "0000001"},
}


def test_the_digest_is_the_one_that_the_pull_names() -> None:
    said = f"Pulling\nDigest: {digest(2)}\nStatus: Downloaded"

    assert fetched(said, IMAGE) == FetchedImage(
        image_id(1), digest(2), (digest(1), digest(2)), "0000001"
    )


def test_a_digest_that_the_image_list_does_not_confirm_is_not_believed() -> None:
    assert fetched(f"Digest: {digest(9)}", IMAGE).digest == ""
    assert fetched("", {**IMAGE, "digests": [f"{REPOSITORY}@{digest(1)}"]}).digest == digest(1)


@pytest.mark.parametrize("labels", [None, [], {}, "x"])
def test_an_image_without_a_revision_label_has_none(labels: Any) -> None:
    assert fetched("", {**IMAGE, "labels": labels}).revision == ""


@pytest.mark.parametrize(
    ("status", "timed_out"), [(1, False), (124, True), (137, True), (143, True)]
)
def test_a_pull_that_fails_leaves_dockers_last_words(status: int, timed_out: bool) -> None:
    words = "\n".join(f"line {n}" for n in range(9))

    assert read_fetch(printed(output("pull", words, status)), REPOSITORY) == FetchFailure(
        tuple(f"line {n}" for n in range(4, 9)), timed_out
    )


def test_an_image_that_is_gone_after_the_pull_is_a_failure() -> None:
    assert isinstance(fetched("", IMAGE, status=1), FetchFailure)


@pytest.mark.parametrize("answer", [b"", printed(output("pull", ""))])
def test_a_fetch_that_says_half_is_an_error_of_the_host(answer: bytes) -> None:
    with pytest.raises(HostError):
        read_fetch(answer, REPOSITORY)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"fact": st.sampled_from(["pull", "image"])},
            optional={"output": ENCODED | JSON, "status": st.just(0) | JSON},
        ),
        max_size=3,
    )
)
def test_arbitrary_answers_of_a_fetch_are_an_image_or_an_error(values: list[Any]) -> None:
    with_host_errors_only(lambda data: read_fetch(data, REPOSITORY), printed(*values))


def test_a_login_that_failed_is_told_from_a_pull_that_failed() -> None:
    answer = printed(output("login", "unauthorized", 1))

    assert read_fetch(answer, REPOSITORY) == FetchFailure(
        ("unauthorized",), timed_out=False, login_failed=True
    )


@pytest.mark.parametrize(("status", "known"), [(0, True), (1, False)])
def test_a_pull_that_failed_says_whether_the_host_is_logged_in(status: int, known: bool) -> None:
    answer = printed(output("pull", "denied", 1), output("own-login", "", status))

    failure = read_fetch(answer, REPOSITORY)

    assert isinstance(failure, FetchFailure)
    assert failure.host_has_login is known
    assert not failure.login_failed


# ---------------------------------------------------------------- how far the pull is

IDS = [f"{number:012x}" for number in range(4)]
STEPS = ["Pulling fs layer", "Waiting", "Download complete", "Pull complete", "Already exists"]


def line(layer: object, words: object, **more: object) -> bytes:
    return json.dumps({"fact": "layer", "id": layer, "is": words, **more}).encode()


def pulled(*said: tuple[str, str]) -> Pull:
    return functools.reduce(Pull.with_line, itertools.starmap(line, said), Pull())


def counts(pull: Pull) -> tuple[int, ...]:
    return tuple(map(pull.count, Stage))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], (0, 0, 0)),
        (["Waiting"], (1, 0, 0)),
        (["Pulling fs layer", "Waiting", "Download complete"], (1, 1, 0)),
        (["Pulling fs layer", "Download complete", "Pull complete"], (1, 1, 1)),
        (["Already exists"], (1, 1, 1)),
        (["Pull complete", "Waiting"], (1, 1, 1)),
        (["Verifying Checksum"], (0, 0, 0)),
        (["Download completed"], (0, 0, 0)),
    ],
)
def test_a_layer_goes_forward_through_dockers_words(
    said: list[str], expected: tuple[int, ...]
) -> None:
    assert counts(pulled(*((IDS[0], words) for words in said))) == expected


def test_the_containerd_store_says_no_more_than_that_layers_are_downloaded() -> None:
    pull = pulled(
        *((layer, "Pulling fs layer") for layer in IDS),
        *((layer, "Download complete") for layer in IDS),
    )
    assert counts(pull) == (4, 4, 0)
    assert (pull.received, pull.size) == (None, None)


def test_bytes_add_up_over_the_layers() -> None:
    pull = pulled(
        (IDS[0], "Already exists"),
        (IDS[1], "1.5MB/3MB"),
        (IDS[2], "512B/10.25kB"),
        (IDS[2], "2kB/10.25kB"),
    )
    assert (pull.received, pull.size) == (1_502_000, 3_010_250)
    assert counts(pull) == (3, 1, 1)


def test_a_layer_that_has_come_has_all_its_bytes() -> None:
    pull = pulled((IDS[0], "1GB/2GB"), (IDS[0], "Download complete"))
    assert (pull.received, pull.size) == (2_000_000_000, 2_000_000_000)


def test_the_size_is_not_known_while_docker_has_not_said_it_of_each_layer() -> None:
    pull = pulled((IDS[0], "1MB/2MB"), (IDS[1], "Waiting"))
    assert (pull.received, pull.size) == (1_000_000, None)


@pytest.mark.parametrize(
    "strange",
    [
        b"",
        b"\xff\xfe",
        b"[" * 190,
        b"null",
        b'{"fact":"layer"}',
        b'{"fact":"pull","output":"","status":0}',
        line("000000000000", "Pull complete", fact="image"),
        line("00000000000", "Pull complete"),
        line("0000000000000", "Pull complete"),
        line("00000000000G", "Pull complete"),
        line("00000000000\N{ARABIC-INDIC DIGIT ONE}", "Pull complete"),
        line("000000000000\n", "Pull complete"),
        line(0, "Pull complete"),
        line([], "Pull complete"),
        line(IDS[0], 7),
        line(IDS[0], ["Waiting"]),
        line(IDS[0], "1MB/2MB\n"),
        line(IDS[0], "1e9MB/2MB"),
        line(IDS[0], "9999999MB/2MB"),
        line(IDS[0], "1\N{ARABIC-INDIC DIGIT ONE}MB/2MB"),
        line(IDS[0], "Pull complete", more="x" * 200),
    ],
)
def test_a_line_that_says_nothing_known_changes_nothing(strange: bytes) -> None:
    pull = pulled((IDS[0], "Waiting"))
    assert pull.with_line(strange) is pull
    assert pull.with_line(line(IDS[0], "Waiting")) is pull


def test_there_is_no_end_of_layers_that_a_host_can_make_up() -> None:
    pull = pulled(*((f"{number:012x}", "Waiting") for number in range(MOST_LAYERS + 9)))
    assert len(pull.layers) == MOST_LAYERS
    assert counts(pull.with_line(line(IDS[0], "Pull complete")))[2] == 1


number = st.floats(0, 999_999).map(lambda value: f"{value:.2f}") | st.integers(0, 999_999)
unit = st.sampled_from(["B", "kB", "MB", "GB", "TB"])
size = st.builds("{}{}/{}{}".format, number, unit, number, unit)
said = st.tuples(st.sampled_from(IDS), st.sampled_from(STEPS) | size | st.text(max_size=9))


@given(st.lists(said, max_size=30))
def test_no_layer_goes_back_and_the_counts_fit_together(lines: list[tuple[str, str]]) -> None:
    pull = Pull()
    for layer, words in lines:
        before = pull.layers.get(layer, Layer())
        pull = pull.with_line(line(layer, words))
        assert pull.layers.get(layer, before).stage >= before.stage
        known, downloaded, unpacked = counts(pull)
        assert 0 <= unpacked <= downloaded <= known <= len(IDS)
        assert pull.received is None or pull.received >= 0
        assert pull.size is None or pull.received is not None


@given(st.lists(st.binary(max_size=300) | st.builds(line, st.text(), st.text()), max_size=8))
def test_no_line_is_ever_an_error(lines: list[bytes]) -> None:
    pull = Pull()
    for said in lines:
        pull = pull.with_line(said)
    assert all(Stage.KNOWN <= layer.stage <= Stage.UNPACKED for layer in pull.layers.values())
