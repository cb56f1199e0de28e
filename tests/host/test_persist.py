"""The tag in the project's .env."""

from __future__ import annotations

import dataclasses

import pytest

from deployctl.errors import BrokenError
from tests.host.fake_host import (
    FakeHost,
)
from tests.unit.build import tag

TAGGED = tag(3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"IMAGE_TAG={TAGGED}\n"),
        ("", f"IMAGE_TAG={TAGGED}\n"),
        ("A=1", f"A=1\nIMAGE_TAG={TAGGED}\n"),
        ("IMAGE_TAG=\nA=1\n", f"IMAGE_TAG={TAGGED}\nA=1\n"),
        (
            "# IMAGE_TAG=x\nIMAGE_TAG=old # why\n  B=2",
            f"# IMAGE_TAG=x\nIMAGE_TAG={TAGGED} # why\n  B=2",
        ),
        (
            "export IMAGE_TAG = 'o l d'\r\nB=2\r\n",
            f"export IMAGE_TAG = {TAGGED}\r\nB=2\r\n",
        ),
        ('IMAGE_TAG=a\nIMAGE_TAG="b#b"\n', f"IMAGE_TAG=a\nIMAGE_TAG={TAGGED}\n"),
        ("MY_IMAGE_TAG=a\nIMAGE_TAG_2=b\n", f"MY_IMAGE_TAG=a\nIMAGE_TAG_2=b\nIMAGE_TAG={TAGGED}\n"),
        ("é=\xff\nA='$(reboot)&\\1'\n", f"é=\xff\nA='$(reboot)&\\1'\nIMAGE_TAG={TAGGED}\n"),
    ],
)
def test_the_tag_is_kept_and_all_else_in_the_file_stays(
    host: FakeHost, before: str | None, after: str
) -> None:
    env = host.project_directory / ".env"
    if before is not None:
        env.write_text(before, encoding="latin-1", newline="")
        env.chmod(0o640)
    host.service = dataclasses.replace(host.service, persist=True)

    host.deploy(3)

    assert env.read_bytes().decode("latin-1") == after
    assert before is None or env.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in env.parent.glob(".env*")] == [".env"]


def test_a_first_release_whose_tag_cannot_be_kept_is_no_success_though_it_serves(
    empty: FakeHost,
) -> None:
    empty.service = dataclasses.replace(empty.service, persist=True)
    empty.fetch(1)
    plan = empty.plan(1)
    (empty.project_directory / f".env.deployctl-{plan.run}").mkdir()

    with pytest.raises(BrokenError):
        empty.run(plan)

    last = empty.lines()[-1]
    assert (last["event"], last["reason"], last["serves"]) == ("broken", "persist-failed", tag(1))
    assert empty.serves() == 1
