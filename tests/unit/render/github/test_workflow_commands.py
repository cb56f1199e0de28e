"""Commands and outputs carry their text to the runner and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.github import step_outputs
from deployctl.render.github.workflow_commands import annotation, group, mask, outputs
from tests.unit.render.samples import hostile
from tests.workflow_runner import commands, file_values


@given(st.dictionaries(st.sampled_from(step_outputs.NAMES), hostile), st.uuids())
def test_no_value_forges_another_output(values: dict[str, str], secret: Any) -> None:
    text = outputs(values, f"deployctl_{secret.hex}")

    read = file_values(text)
    assert list(read) == list(values)
    assert not any("\n" in value for value in read.values())
    text.encode()  # no lone surrogates either


@given(hostile, hostile)
def test_an_annotation_carries_its_text_and_nothing_else(title: str, message: str) -> None:
    line = annotation("error", title, message)

    assert len(re.split(r"[\r\n]", line)) == 1
    (command,) = commands(line)
    assert command.name == "error"
    assert set(command.properties) <= {"title"}


@given(st.text("%:,\r\n=a0AD25 ", max_size=30).filter(str.strip))
def test_an_annotation_is_read_as_it_was_meant(text: str) -> None:
    (command,) = commands(annotation("warning", "a: b, c=100%", f"x{text}x"))

    assert command.properties == {"title": "a: b, c=100%"}
    assert command.data == f"x{text}x".replace("\r\n", "\n").replace("\r", "\\x0d")


@given(hostile)
def test_a_group_is_one_command(title: str) -> None:
    assert [command.name for command in commands(group(title))] == ["group"]


@pytest.mark.parametrize("secret", ["", "one\ntwo", "one\rtwo", "-----BEGIN\n-----END\n"])
def test_a_secret_of_several_lines_is_never_printed(secret: str) -> None:
    with pytest.raises(ValueError, match="single line"):
        mask(secret)
