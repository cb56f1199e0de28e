"""A real VPS that lies: sshd runs a forced command, which rewrites what the scripts say."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.client import SERVICE, Client
from tests.e2e.conftest import client, deployed, ready, vps
from tests.forged.checker import Shown, problems
from tests.forged.values import MARK, TEXTS
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps
from tests.workflow_runner import file_values

__all__ = ["client", "deployed", "ready", "vps"]

_KEYS = "/home/deploy/.ssh/authorized_keys"
_REWRITER = "/usr/lib/forged.pl"


@contextmanager
def lying(vps: Vps, *rules: tuple[str, str, str]) -> Iterator[None]:
    """Let the host say NEW for OLD in the fact, event or outcome NAME."""
    words = "".join(" ".join(w.encode().hex() for w in rule) + "\n" for rule in rules)
    vps.write("/tmp/forged-rules", words)
    vps.write(_REWRITER, Path(__file__).with_name("rewriter.pl").read_text(), owner="root")
    honest = vps.read(_KEYS)
    forced = f'command="perl {_REWRITER}" {honest}'
    try:
        vps.run(f"cat >{_KEYS}", stdin=forced)
        yield
    finally:
        vps.run(f"cat >{_KEYS}; rm -f {shlex.quote(_REWRITER)} /tmp/forged-rules", stdin=honest)


_QUESTIONS = (("status", "--json"), ("history",), ("rollback", SERVICE, "--dry-run"))


def _shown(client: Client, *command: str) -> Shown:
    ended = client.run(*command)
    return Shown(ended.exit_status, ended.stdout, ended.stderr, json="--json" in command)


def test_a_host_with_a_forced_command_that_lies_is_not_believed(
    deployed: Client, vps: Vps, tmp_path: Path
) -> None:
    first, second = GOOD[0].tag, GOOD[1].tag
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"

    with lying(vps, ("outcome", second, "sha-bad0bad")):
        ended = deployed.run(
            *("deploy", SERVICE, second, "--json"),
            GITHUB_ACTIONS="true",
            GITHUB_EVENT_NAME="push",
            GITHUB_REF="refs/heads/main",
            GITHUB_OUTPUT=str(outputs),
            GITHUB_STEP_SUMMARY=str(summary),
        )
    assert ended.exit_status == 7, ended.text
    assert ended.json["error"]["code"] == "outcome-mismatch"
    assert file_values(outputs.read_text())["tag"] == second
    written = outputs.read_text(), summary.read_text()
    assert problems(Shown(7, ended.stdout, ended.stderr, *written, json=True)) == []
    assert vps.served() == second, "the run itself went well: only what is said of it is a lie"

    for lie in ("a second line", "a lone surrogate"):
        text = json.dumps(TEXTS[lie])[1:-1]
        with lying(vps, ("history", first, text), ("containers", second, MARK)):
            seen = [_shown(deployed, *command) for command in _QUESTIONS]
        assert [problems(each) for each in seen] == [[]] * len(seen), lie
        assert any(MARK in each.stdout for each in seen), "the lie was not even heard"

    assert deployed.run("status", "--check").exit_status == 0
