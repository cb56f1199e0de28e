"""A checkout of deployctl and a package index on disk that also offers newer releases.

pip decides by names, versions, metadata and hashes. Those are real here: the lock files' own,
and the metadata of the packages that they installed for the tests. The wheels have no content,
so that all of them are made and installed in seconds; their hashes stand in the checkout's lock
files instead of the real ones. Each package has a newer release, too, as if published today.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tests.workflow_runner import ROOT

LOCKS = ("runtime.txt", "dev.txt")
_PIN = re.compile(r"(?m)^([\w.-]+)==([\w.]+)(?: ; (.+?))? \\$")
_PYTHON = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
# As a python3 whose venv module brings another pip.
_SHIM = """#!/bin/sh
set -e
case "$*" in
*"-m venv --clear "*)
    for directory; do :; done
    {python} -m venv --clear --without-pip "$directory"
    cp -Rp {pip}/pip {pip}/pip-*.dist-info "$directory"/lib/python*/site-packages
    absolute=$(cd "$directory" && pwd)
    sed "1s:.*:#!$absolute/bin/python:" {pip}/bin/pip >"$directory/bin/pip"
    chmod +x "$directory/bin/pip"
    ;;
*) exec {python} "$@" ;;
esac
"""
_BACKEND = """
def build_editable(directory, config_settings=None, metadata_directory=None):
    import pathlib, shutil
    (wheel,) = pathlib.Path("built").iterdir()
    shutil.copy(wheel, directory)
    return wheel.name
"""


@dataclass(frozen=True)
class Pin:
    """A package in a lock file; the marker says where it is installed."""

    name: str
    version: str
    marker: str = ""
    metadata: str = ""

    @property
    def is_for_here(self) -> bool:
        """Whether this Python on this system installs it."""
        return not self.marker or Marker(self.marker).evaluate()


def pins(lock: str) -> list[Pin]:
    """Return what the text of a lock file pins."""
    return [Pin(name, version, marker) for name, version, marker in _PIN.findall(lock)]


# Both locks get a package that asks for another one's extra, as pytest-cov asks for
# coverage[toml]: that is what made pip look further than the lock.
_WITH_EXTRA = (
    Pin("asks-for-an-extra", "1.0", "", "Requires-Dist: has-an-extra[more]>=1\n"),
    Pin("has-an-extra", "1.0", "", "Provides-Extra: more\n"),
)


class Checkout:
    """A checkout with locks for the index, and a machine to install them on.

    Attributes:
        root: its directory.
        environment: of what runs on the machine.
    """

    def __init__(self, directory: Path, pip: Path, *, only: Collection[str] = ()) -> None:
        """Make it, its index, and a machine whose Python brings this pip.

        Args:
            directory: where all of it is made.
            pip: where that is installed, as by `pip install --target`.
            only: the packages of the real locks to have in the checkout's; all of them if empty.
        """
        self.root = directory / "checkout"
        index = directory / "index"
        self.environment = {
            "PATH": f"{_machine(directory / 'bin', pip)}:/usr/bin:/bin",
            "HOME": str(directory),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": (index / "simple").as_uri(),
            "PIP_NO_CACHE_DIR": "1",
        }
        self.locked = {name: [*_real_pins(name, only), *_WITH_EXTRA] for name in LOCKS}
        hashes = _publish(index, {pin for lock in self.locked.values() for pin in lock})
        (self.root / "requirements").mkdir(parents=True)
        for name, lock in self.locked.items():
            (self.root / "requirements" / name).write_text("".join(_lines(lock, hashes)))
        self._add_project()

    def _add_project(self) -> None:
        """What is installed with the locks: the real scripts, and a stand-in for deployctl."""
        (self.root / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/ensure-venv", self.root / "scripts")
        shutil.copy(ROOT / "action.yml", self.root)
        (self.root / "deployctl").mkdir()
        (self.root / "deployctl/__main__.py").touch()
        (self.root / "backend.py").write_text(_BACKEND)
        (self.root / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        needs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        metadata = "".join(f"Requires-Dist: {it}\n" for it in needs)
        (self.root / "built").mkdir()
        _make_wheel(self.root / "built", Pin("deployctl", "0", "", metadata))

    def expected(self, lock: str) -> dict[str, str]:
        """Return the versions that a lock file pins for this machine."""
        return {pin.name: pin.version for pin in self.locked[lock] if pin.is_for_here}

    def ensure_venv(self) -> subprocess.CompletedProcess[str]:
        """Run scripts/ensure-venv."""
        return self._run(str(self.root / "scripts/ensure-venv"))

    def install_resolving(self, lock: str) -> subprocess.CompletedProcess[str]:
        """Install a lock file as no script should: without --no-deps."""
        venv = str(self.root / ".venv")
        self._run("python3", "-m", "venv", "--clear", venv)
        options = ("--require-hashes", "--requirement", f"requirements/{lock}")
        return self._run(f"{venv}/bin/pip", "install", "--quiet", *options)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def installed(venv: Path) -> dict[str, str]:
    """Return the versions of what is installed, but for what is there without a lock."""
    (packages,) = venv.glob("lib/python*/site-packages")
    found = importlib.metadata.distributions(path=[str(packages)])
    versions = {canonicalize_name(it.metadata["Name"]): it.version for it in found}
    return {k: v for k, v in versions.items() if k not in {"pip", "setuptools", "deployctl"}}


def _machine(programs: Path, pip: Path) -> Path:
    programs.mkdir(parents=True)
    (programs / "python3").write_text(_SHIM.format(python=_PYTHON, pip=pip))
    (programs / "python3").chmod(0o755)
    return programs


def _real_pins(lock: str, only: Collection[str]) -> Iterator[Pin]:
    for pin in pins((ROOT / "requirements" / lock).read_text()):
        if not only or pin.name in only:
            yield Pin(pin.name, pin.version, pin.marker, _real_metadata(pin))


def _real_metadata(pin: Pin) -> str:
    """What the package says of itself, as far as pip asks; empty where it is not installed."""
    if not pin.is_for_here:
        return ""
    said = importlib.metadata.metadata(pin.name)
    assert said["Version"] == pin.version, "the tests' own environment is not of the lock"
    fields = ("Requires-Python", "Requires-Dist", "Provides-Extra")
    return "".join(f"{name}: {it}\n" for name in fields for it in said.get_all(name) or ())


def _publish(index: Path, published: Collection[Pin]) -> Mapping[tuple[str, str], str]:
    """Make an index of these releases, and of a newer one of each; return the hashes."""
    files = index / "files"
    files.mkdir(parents=True)
    hashes = {}
    newer = {Pin(it.name, f"{it.version}.1", "", "Requires-Dist: no-such\n") for it in published}
    for pin in sorted({*published, *newer}, key=lambda it: (it.name, it.version)):
        wheel = _make_wheel(files, pin)
        hashes[pin.name, pin.version] = hashlib.sha256(wheel.read_bytes()).hexdigest()
        page = index / "simple" / pin.name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as links:
            links.write(f'<a href="../../files/{wheel.name}">{wheel.name}</a>\n')
    return hashes


def _make_wheel(directory: Path, pin: Pin) -> Path:
    stem = f"{pin.name.replace('-', '_')}-{pin.version}"
    info = f"{stem}.dist-info"
    said = f"Metadata-Version: 2.1\nName: {pin.name}\nVersion: {pin.version}\n{pin.metadata}"
    kind = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(directory / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", said)
        wheel.writestr(f"{info}/WHEEL", kind)
        wheel.writestr(f"{info}/RECORD", "".join(f"{info}/{n},,\n" for n in ("METADATA", "WHEEL")))
    return directory / f"{stem}-py3-none-any.whl"


def _lines(lock: Collection[Pin], hashes: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for pin in lock:
        marker = f" ; {pin.marker}" if pin.marker else ""
        digest = hashes[pin.name, pin.version]
        yield f"{pin.name}=={pin.version}{marker} \\\n    --hash=sha256:{digest}\n"
