"""What --help shows, at any width, and what is said of a command line that is not understood."""

from __future__ import annotations

import re
import shlex
from typing import cast

import pytest
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from deployctl import __main__ as program
from deployctl import errors
from deployctl.cli import app

COMMANDS = cast(TyperGroup, get_command(app)).commands
WIDTHS = [60, 61, 72, 80, 132]


def helped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, *argv: str
) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    assert program.run([*argv, "--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= width
    return text


def without_breaks(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_commands_are_listed_in_groups_each_with_its_whole_description(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    text = helped(capsys, monkeypatch, width)

    assert re.findall(r"(?m)^(\w.*):$", text)[1:] == [
        "Change what runs",
        "Look at what runs",
        "Prepare a deploy",
    ]
    assert re.findall(r"(?m)^  ([a-z]+)  ", text) == list(COMMANDS)
    for name, command in COMMANDS.items():
        assert f" {name} {command.get_short_help_str()} " in without_breaks(text)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_whole_and_in_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, width: int
) -> None:
    text = helped(capsys, monkeypatch, width, name)

    assert not re.findall(r"<\w+( range)?>|\{\w+\}|…|\.\.\.", text)
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", "") in without_breaks(text)
        assert (parameter.metavar or parameter.opts[0]) in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_can_be_copied(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _, _, shown = helped(capsys, monkeypatch, 60, name).partition("\n  Example")
    lines = shown.splitlines()[1:]

    assert lines
    for line in lines:
        words = shlex.split(line)
        assert words[:2] == ["deployctl", name]
        COMMANDS[name].make_context(name, words[2:])  # fails if it is no valid command line


def test_an_option_means_the_same_wherever_it_stands() -> None:
    meanings: dict[str, set[tuple[str | None, str | None]]] = {}
    for command in COMMANDS.values():
        for option in (p for p in command.params if isinstance(p, TyperOption)):
            meanings.setdefault(option.opts[0], set()).add((option.metavar, option.help))

    assert {name for name, said in meanings.items() if len(said) > 1} == set()


# ---------------------------------------------------------------- not understood


@pytest.mark.parametrize(
    ("line", "said", "following"),
    [
        ("-i x check", "-i belongs behind the command", "deployctl check -i x"),
        (
            "-ix --json status web",
            "-i belongs behind the command",
            "deployctl status -ix --json web",
        ),
        ("-i hold hold web", "-i belongs behind the command", "deployctl hold -i hold web"),
        ("--host=a check", "--host belongs behind the command", "deployctl check --host=a"),
        ("-i 'a b' check", "-i belongs behind the command", "deployctl check -i 'a b'"),
        ("--limit 3 check", "--limit belongs behind a command that has it: history", "--help"),
        ("-i x", "-i belongs behind a command that has it: deploy, rollback,", "--help"),
        ("--colour status", "No such option: --colour", "deployctl status --help"),
        ("--colour", "No such option: --colour", "deployctl --help"),
        ("chekc", "No such command 'chekc'. Did you mean 'check'?", "deployctl --help"),
        ("check web extra", "usage: deployctl check [OPTIONS] [SERVICE]", "deployctl check --help"),
        ("deploy web", "usage: deployctl deploy [OPTIONS] SERVICE TAG", "deployctl deploy --help"),
        ("deploy", "Missing argument 'SERVICE'", "deployctl deploy --help"),
        ("status --host", "Option '--host' requires an argument", "deployctl status --help"),
    ],
)
def test_a_command_line_that_is_not_understood_says_how_it_should_be(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    said: str,
    following: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    assert program.run(shlex.split(line)) == errors.EXIT_USAGE

    shown = capsys.readouterr().err
    assert said in shown
    assert shown.rstrip().endswith(following)
