"""How far a pull is: from the host's lines to counts, whatever the lines say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.host.fetch import MOST_LAYERS, Layer, Pull, Stage

IDS = [f"{number:012x}" for number in range(4)]
STEPS = ["Pulling fs layer", "Waiting", "Download complete", "Pull complete", "Already exists"]


def line(layer: object, words: object, **more: object) -> bytes:
    return json.dumps({"fact": "layer", "id": layer, "is": words, **more}).encode()


def heard(*said: tuple[str, str]) -> Pull:
    pull = Pull()
    for layer, words in said:
        pull = pull.with_line(line(layer, words))
    return pull


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
    assert counts(heard(*((IDS[0], words) for words in said))) == expected


def test_the_containerd_store_says_no_more_than_that_layers_are_downloaded() -> None:
    pull = heard(
        *((layer, "Pulling fs layer") for layer in IDS),
        *((layer, "Download complete") for layer in IDS),
    )
    assert counts(pull) == (4, 4, 0)
    assert (pull.received, pull.size) == (None, None)


def test_bytes_add_up_over_the_layers() -> None:
    pull = heard(
        (IDS[0], "Already exists"),
        (IDS[1], "1.5MB/3MB"),
        (IDS[2], "512B/10.25kB"),
        (IDS[2], "2kB/10.25kB"),
    )
    assert (pull.received, pull.size) == (1_502_000, 3_010_250)
    assert counts(pull) == (3, 1, 1)


def test_a_layer_that_has_come_has_all_its_bytes() -> None:
    pull = heard((IDS[0], "1GB/2GB"), (IDS[0], "Download complete"))
    assert (pull.received, pull.size) == (2_000_000_000, 2_000_000_000)


def test_the_size_is_not_known_while_docker_has_not_said_it_of_each_layer() -> None:
    pull = heard((IDS[0], "1MB/2MB"), (IDS[1], "Waiting"))
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
    pull = heard((IDS[0], "Waiting"))
    assert pull.with_line(strange) is pull
    assert pull.with_line(line(IDS[0], "Waiting")) is pull


def test_there_is_no_end_of_layers_that_a_host_can_make_up() -> None:
    pull = heard(*((f"{number:012x}", "Waiting") for number in range(MOST_LAYERS + 9)))
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
def test_hearing_never_fails(lines: list[bytes]) -> None:
    pull = Pull()
    for said in lines:
        pull = pull.with_line(said)
    assert all(Stage.KNOWN <= layer.stage <= Stage.UNPACKED for layer in pull.layers.values())
