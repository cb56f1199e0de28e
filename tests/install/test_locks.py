"""The lock files are installed as they are, whatever the package index offers beside them."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.install.checkout import LOCKS, Checkout, installed, pins
from tests.thorough import thorough
from tests.workflow_runner import ROOT, Ran, Runner

OLDEST, NEWEST = "oldest", "newest"
BOTH = pytest.mark.parametrize("which", [thorough(OLDEST), NEWEST])
Pip = Callable[[str], Path]


@pytest.fixture(scope="session")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Pip:
    """The oldest pip that a supported Debian brings, or the newest: where it is installed."""
    return functools.cache(lambda which: _install_pip(which, tmp_path_factory.mktemp(which)))


def _install_pip(which: str, directory: Path) -> Path:
    lock = ROOT / f"requirements/pip-{which}.txt"
    options = ("--quiet", "--no-deps", "--require-hashes", "--requirement", lock)
    command = (sys.executable, "-m", "pip", "install", *options, "--target", directory)
    subprocess.run(command, check=True)
    return directory


def _install_by_action(checkout: Checkout, temp: Path) -> Ran:
    temp.mkdir(exist_ok=True)
    return Runner(temp, temp, checkout.environment, checkout.root).install()


@BOTH
def test_the_development_environment_is_what_the_lock_says(
    tmp_path: Path, pip: Pip, which: str
) -> None:
    checkout = Checkout(tmp_path, pip(which))

    done = checkout.ensure_venv()
    again = checkout.ensure_venv()

    assert done.returncode == 0, done.stderr
    assert installed(checkout.root / ".venv") == checkout.expected("dev.txt")
    assert (again.returncode, again.stderr) == (0, "")


@BOTH
def test_the_action_installs_what_the_lock_says(tmp_path: Path, pip: Pip, which: str) -> None:
    checkout = Checkout(tmp_path, pip(which))

    ran = _install_by_action(checkout, tmp_path / "temp")

    assert ran.exit_status == 0, ran.log
    assert installed(tmp_path / "temp/deployctl/venv") == checkout.expected("runtime.txt")


@pytest.mark.thorough
def test_a_pip_that_may_resolve_does_not_get_through(tmp_path: Path, pip: Pip) -> None:
    """What the tests above would not notice otherwise: that the index leads nobody astray."""
    checkout = Checkout(tmp_path, pip(OLDEST))

    for lock in LOCKS:
        done = checkout.install_resolving(lock)
        assert done.returncode == 1
        assert "all requirements must have their versions pinned with ==" in done.stderr


@pytest.mark.thorough
def test_a_lock_with_a_gap_is_an_error_each_time(tmp_path: Path, pip: Pip) -> None:
    checkout = Checkout(tmp_path, pip(NEWEST), only=("pytest-cov", "deprecated"))

    development = (checkout.ensure_venv(), checkout.ensure_venv())
    action = _install_by_action(checkout, tmp_path / "temp")

    for done in development:
        assert done.returncode == 1
        assert "pytest-cov 7.1.0 requires coverage, which is not installed" in done.stderr
        assert "run make lock" in done.stderr
    assert action.exit_status == 1
    (error,) = action.annotations()
    assert error.properties["title"] == "deployctl cannot be installed"
    assert "requires wrapt, which is not installed" in error.data


def test_an_index_out_of_reach_is_one_clear_error(tmp_path: Path, pip: Pip) -> None:
    checkout = Checkout(tmp_path, pip(NEWEST))
    shutil.rmtree(tmp_path / "index")

    done = checkout.ensure_venv()
    ran = _install_by_action(checkout, tmp_path / "temp")

    assert done.returncode == 1
    assert "ensure-venv: pip could not install requirements/dev.txt" in done.stderr
    assert ran.exit_status == 1
    (error,) = ran.annotations()
    assert "Is the package index in reach?" in error.data


@pytest.mark.thorough
def test_an_environment_that_is_half_made_or_was_moved_is_made_anew(
    tmp_path: Path, pip: Pip
) -> None:
    checkout = Checkout(tmp_path, pip(NEWEST))
    venv = checkout.root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (info,) = venv.glob("lib/python*/site-packages")
    (info / "coverage-7.17.3.dist-info").mkdir()

    done = checkout.ensure_venv()
    checkout.root = checkout.root.rename(tmp_path / "moved")
    moved = checkout.ensure_venv()

    assert done.returncode == 0, done.stderr
    assert moved.returncode == 0, moved.stderr
    program = (tmp_path / "moved/.venv/bin/pip").read_text()
    assert program.startswith(f"#!{tmp_path}/moved/.venv/bin/python")


def test_the_runtime_lock_has_what_deployctl_needs_as_it_is_tested() -> None:
    """`pip check` tells whether the packages fit together; deployctl is no package there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    runtime, dev = (pins((ROOT / "requirements" / name).read_text("utf-8")) for name in LOCKS)
    versions = {pin.name: pin.version for pin in runtime}

    for needed in map(Requirement, project["dependencies"]):
        assert needed.specifier.contains(versions[needed.name]), needed
    assert set(runtime) <= set(dev)
