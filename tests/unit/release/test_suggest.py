"""The commands that a person is shown to copy."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.release import suggest
from tests.unit.build import tag

RUN = "20251123t120000z-0a1b2c3d"
_PROGRAMS = (
    "deployctl [a-z]+|docker (login|pull|system|image|compose -f)|chown|chmod|install|usermod"
    "|loginctl|df|rm|mv|ssh|cd"
)
_COMMAND = re.compile(rf"(^|\n)({_PROGRAMS}) ")


def test_a_command_is_of_the_clients_words_and_what_has_the_form_of_a_tag_or_run() -> None:
    assert suggest.deployctl("status") == "deployctl status"
    assert suggest.deployctl("status", "") == "deployctl status"
    assert suggest.deployctl("rollback", "web", tag=tag(1)) == f"deployctl rollback web {tag(1)}"
    assert suggest.deployctl("follow", "vps", run=RUN) == f"deployctl follow vps {RUN}"
    assert suggest.deployctl("deploy", "web", tag=tag(1), more=("--host", "vps")).endswith(" vps")


@pytest.mark.parametrize(
    "said",
    ["", "latest", "sha-1a2b3c4;x", "sha-1a2b3c4\n", " sha-1a2b3c4", "sha-１a2b3c4", f"{RUN}x"],  # noqa: RUF001 - a digit that is none
)
def test_with_another_word_there_is_no_command(said: str) -> None:
    assert suggest.deployctl("rollback", "web", tag=said) == ""
    assert suggest.deployctl("follow", "vps", run=said) == ""


@given(st.text(max_size=30))
def test_whatever_a_host_says_a_command_is_one_line_of_plain_words(said: str) -> None:
    for command in (
        suggest.deployctl("rollback", "web", tag=said),
        suggest.deployctl("follow", "vps", run=said),
    ):
        assert command == "" or re.fullmatch(r"[a-z0-9 -]+", command)
    found = suggest.repository_or(said, "REPOSITORY")
    assert shlex.quote(found) == found


@given(st.text(max_size=30))
def test_a_hint_is_one_line_of_prose_and_a_line_for_each_command(prose: str) -> None:
    assert suggest.hint(prose, "a b", "", "c").splitlines()[1:] == ["a b", "c"]
    assert len(suggest.hint(prose).splitlines()) <= 1


def test_prose_does_not_announce_a_command_that_is_left_out() -> None:
    assert suggest.hint("watch it:", "") == "watch it"


def test_own_words_that_cannot_be_shown_make_no_command() -> None:
    assert suggest.typed("df", "-h", "/opt/my infra") == "df -h '/opt/my infra'"
    assert suggest.typed("df", "/opt/\x1b[2J") == ""


def test_no_command_with_a_word_in_it_is_built_by_hand() -> None:
    """`f"deployctl status {service}"` is a hole for what a host says: see deployctl/suggest.py."""
    package = Path(suggest.__file__).parents[1]
    found = [
        f"{path.relative_to(package)}:{line}"
        for path in sorted(package.rglob("*.py"))
        for line in _built_by_hand(path.read_text())
    ]

    assert found == []


def test_a_command_that_is_built_by_hand_is_found() -> None:
    assert list(_built_by_hand('x = f"look:\\ndeployctl status {name}"')) == [1]
    assert list(_built_by_hand('x = f"chown {user} /x"')) == [1]
    assert not list(_built_by_hand('x = "deployctl status"'))


def _built_by_hand(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [n.value if isinstance(n, ast.Constant) else "{}" for n in node.values]
            texts = re.split(r"(?=\n)", "".join(map(str, parts)))
            if any(_COMMAND.match(text) and "{}" in text for text in texts):
                yield node.lineno
