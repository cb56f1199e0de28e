"""The scripts as they are sent: of which files, and how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployctl.compose.host import script
from deployctl.compose.host.script import FILES, script_text

HERE = Path(script.__file__).parent


def test_every_file_is_a_part_of_a_script() -> None:
    sent = {name for files in FILES.values() for name in files}

    assert {path.relative_to(HERE).as_posix() for path in HERE.rglob("*.sh")} == sent


@pytest.mark.parametrize("name", FILES)
def test_a_script_is_its_parts_as_they_are_and_calls_them_on_its_last_line(name: str) -> None:
    text = script_text(name)

    assert text == "".join((HERE / file).read_text() for file in FILES[name])
    assert [line for line in text.splitlines() if line == 'main "$@"'] == text.splitlines()[-1:]


@pytest.mark.parametrize("name", FILES)
def test_no_function_of_a_script_hides_another(name: str) -> None:
    functions = [line for line in script_text(name).splitlines() if line.endswith("() {")]

    assert len(functions) == len(set(functions))
