"""What a container needs of this machine's settings to reach a package mirror as the machine does.

All of it is read from the machine: pip's and APT's settings, and the environment. The files that
they name are handed over too, below a directory of their own in the container.
"""

from __future__ import annotations

import ast
import configparser
import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.workflow_runner import ROOT

HANDED_OVER = "/machine"
_VARIABLES = re.compile(
    r"(?i)PIP_\w+|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE|(https?|no|all)_proxy"
)
_PATH = re.compile(r"(?:(?P<scheme>file://)|(?<![\w.:/-]))(?P<path>/[\w./+@-]+)")


@dataclass(frozen=True)
class Settings:
    """Settings whose paths lead to what is handed over.

    Attributes:
        environment: variables.
        pip_conf: text for a file of pip's.
        apt_conf: text for a file of APT's.
        paths: files and directories of the machine to be found below HANDED_OVER.
    """

    environment: Mapping[str, str]
    pip_conf: str
    apt_conf: str
    paths: frozenset[Path]


def settings_of_this_machine() -> Settings:
    """Read them."""
    environment = {k: v for k, v in os.environ.items() if _VARIABLES.fullmatch(k)}
    pip_conf = pip_conf_of(_said_by(sys.executable, "-m", "pip", "config", "list"))
    apt_conf = _said_by(str(ROOT / "scripts/apt-network-settings"))
    paths = {path for text in (*environment.values(), pip_conf, apt_conf) for path in named(text)}
    return Settings(
        {name: moved(value) for name, value in environment.items()},
        moved(pip_conf),
        moved(apt_conf),
        frozenset(paths),
    )


def pip_conf_of(listed: str) -> str:
    """Return as a configuration file what `pip config list` said; variables are no part of it."""
    parser = configparser.RawConfigParser()
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section and not section.startswith(":"):
            parser.read_dict({section: {name: ast.literal_eval(value)}})
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def named(text: str) -> set[Path]:
    """Return what a setting names on this machine. An index names files that lie beside it."""
    found = ((Path(match["path"]), match["scheme"]) for match in _existing(text))
    return {path.parent if scheme and len(path.parts) > 2 else path for path, scheme in found}


def moved(text: str) -> str:
    """Return a setting whose paths lead to what is handed over."""
    for match in reversed(_existing(text)):
        start = match.start("path")
        text = f"{text[:start]}{HANDED_OVER}{text[start:]}"
    return text


def _existing(text: str) -> list[re.Match[str]]:
    found = ((match, Path(match["path"])) for match in _PATH.finditer(text))
    return [match for match, path in found if path.is_file() or path.is_dir()]


def _said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
