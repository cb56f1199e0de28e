"""The commands that a script's text shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.lint.shell.commands import commands
from deployctl.lint.shell.expansions import Expansion, expansions


def words(script: str) -> list[tuple[str, ...]]:
    return [command.words for command in commands(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a b; c && d || e | f", [("a", "b"), ("c",), ("d",), ("e",), ("f",)]),
        ("a 'b c' \"d e\"f\\ g", [("a", "b c", "d ef g")]),
        ("a \\\n  b\nc # d\n# e", [("a", "b"), ("c",)]),
        ("a b#c", [("a", "b#c")]),
        ("if a; then b; else c; fi", [("a",), ("b",), ("c",)]),
        ("X=1 Y='2 3' a $X", [("a", "$X")]),
        ("export X=1", [()]),
        ("sudo -u deploy env A=1 timeout -k 5 60 a b", [("a", "b")]),
        ("a $(b | c) d", [("a", "$(b | c)", "d")]),
        ("a ${x:-y z} ${{ x['a b'] }}", [("a", "${x:-y z}", "${{ x['a b'] }}")]),
        ("(a; b) & c", [("a",), ("b",), ("c",)]),
        ('{ a; } >> "$F"', [("a",), (">>", "$F")]),
        ("a <<EOF >f\nssh host\nEOF\nb", [("a", ">f"), ("b",)]),
        ("a <<-'E'\n\tssh host\n\tE\nb", [("a",), ("b",)]),
        ("a 2>&1 &>f", [("a", "2>&1", "&>f")]),
        ("cat <<< word", [("cat", "<<<", "word")]),
        ('a "unclosed', [("a", "unclosed")]),
        ("", []),
    ],
)
def test_a_script_is_split_into_commands(script: str, expected: list[tuple[str, ...]]) -> None:
    assert words(script) == expected


def test_assignments_before_a_command_are_told() -> None:
    (command,) = commands('IMAGE_TAG="sha-$X" docker compose up')

    assert command.assignments == {"IMAGE_TAG": "sha-$X"}
    assert command.program == "docker"


def test_what_becomes_of_a_failure_is_told() -> None:
    first, _, third, _ = commands("a || exit 1\nb | c")

    assert (first.following, first.fallback) == ("||", ("exit", "1"))
    assert third.following == "|"


def test_a_condition_of_the_script_is_told() -> None:
    tested = {command.program: command.tested for command in commands("if a; then b; fi; ! c")}

    assert tested == {"a": True, "b": False, "c": True}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("sha-${GITHUB_SHA::7}", ["sha-", Expansion("variable", "GITHUB_SHA", "::7")]),
        ("$TAG", [Expansion("variable", "TAG")]),
        ("${{ inputs.tag }}x", [Expansion("expression", " inputs.tag "), "x"]),
        ("$(git rev-parse HEAD)", [Expansion("command", "git rev-parse HEAD")]),
        ("plain", ["plain"]),
        ("a$", ["a$"]),
    ],
)
def test_what_is_replaced_in_a_word_is_told(word: str, expected: list[Expansion | str]) -> None:
    assert expansions(word) == expected


@given(st.text(alphabet="a b'\"\\$(){}<>|&;#\n=EOF", max_size=80))
def test_no_text_breaks_it(script: str) -> None:
    for command in commands(script):
        assert 0 <= command.offset <= len(script)
        for word in command.words:
            expansions(word)
