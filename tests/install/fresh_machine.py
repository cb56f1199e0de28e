"""What `make demo` does before it needs an engine, on machines where nothing was installed.

`make test-fresh` runs it: its name keeps it out of the other targets. The machines are containers
of what Debian calls minimal, with make and python3, and with this machine's settings for reaching
a mirror. They get the files as they are edited here.
"""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import pytest

from tests.install.checkout import pins
from tests.install.machine import HANDED_OVER, Settings, settings_of_this_machine
from tests.workflow_runner import ROOT

# Debian 12 and 13.
SUITES = ("bookworm", "trixie")
_PREPARE = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --no-install-recommends make python3 >/dev/null
mkdir deployctl
cd deployctl
tar -x
"""
# The last line of the demo is the one that needs an engine.
_SET_UP = """
make --no-print-directory --dry-run demo | sed '$d' | sh -ex
.venv/bin/python -c 'import tests.demo'
.venv/bin/deployctl --version
.venv/bin/pip check
.venv/bin/pip --version
"""
_USE_THE_ACTION = """
.venv/bin/python -c '
import os, pathlib
from tests.workflow_runner import Runner
home = pathlib.Path(os.environ["HOME"])
ran = Runner(home, home, dict(os.environ)).install()
print(ran.log)
raise SystemExit(ran.exit_status)'
"""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("suite", SUITES)
def test_the_demo_is_set_up_on_a_machine_where_nothing_was(suite: str, tmp_path: Path) -> None:
    done = _run_on_new_machine(suite, _SET_UP + _USE_THE_ACTION, tmp_path)

    assert done.returncode == 0, done.stdout
    assert "ensure-venv: installing python3-venv with apt-get" in done.stdout
    assert "\ndeployctl 0" in done.stdout
    assert "\nNo broken requirements found." in done.stdout
    if suite == SUITES[0]:
        (oldest,) = pins((ROOT / "requirements/pip-oldest.txt").read_text("utf-8"))
        assert f"\npip {oldest.version} " in done.stdout


def _run_on_new_machine(suite: str, script: str, tmp: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of sh as root in a checkout there; all that it says is in stdout."""
    name = f"deployctl-fresh-{uuid.uuid4().hex[:12]}"
    settings = _options(settings_of_this_machine(), tmp)
    options = ("--rm", "--init", "--interactive", "--pull=never", "--network=host", "--name", name)
    image = f"debian:{suite}-slim"
    try:
        done = subprocess.run(
            ["docker", "run", *options, *settings, image, "sh", "-ec", f"cd\n{_PREPARE}\n{script}"],
            input=_working_tree(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
    said = done.stdout.decode(errors="replace")
    return subprocess.CompletedProcess(script, done.returncode, said)


def _options(settings: Settings, tmp: Path) -> list[str]:
    (tmp / "pip.conf").write_text(settings.pip_conf)
    (tmp / "apt.conf").write_text(settings.apt_conf)
    mounts = {path: f"{HANDED_OVER}{path}" for path in settings.paths}
    mounts[tmp / "pip.conf"] = "/etc/pip.conf"
    mounts[tmp / "apt.conf"] = "/etc/apt/apt.conf.d/90machine"
    variables = [f"--env={name}={value}" for name, value in settings.environment.items()]
    return [*variables, *(f"--volume={path}:{target}:ro" for path, target in mounts.items())]


def _working_tree() -> bytes:
    """All files that git would not ignore, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    present = [name for name in listed if name and (ROOT / name.decode()).exists()]
    return subprocess.run(
        ["tar", "-c", "--null", "--files-from=-"],
        cwd=ROOT,
        input=b"\0".join(present),
        capture_output=True,
        check=True,
    ).stdout
