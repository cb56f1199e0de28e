"""The VPS runs what it was asked to run, and the docs say which versions that is."""

from __future__ import annotations

import json

from tests.vps.tested import PAGE, row
from tests.vps.world import Vps

TYPE_OF = {"docker": "", "containerd": "io.containerd.snapshotter.v1"}
"""By image store, what `docker info` has as the driver's type."""


def test_the_suite_and_the_image_store_are_those_that_were_asked_for(used_vps: Vps) -> None:
    system = used_vps.system

    suite = used_vps.run(". /etc/os-release; echo $VERSION_CODENAME").stdout.strip()
    driver = dict(json.loads(used_vps.run("docker info --format '{{json .DriverStatus}}'").stdout))

    assert suite == system.suite
    assert driver.get("driver-type", "") == TYPE_OF[system.image_store]


def test_the_docs_say_which_versions_run_here(used_vps: Vps) -> None:
    assert row(used_vps) in PAGE.read_text().splitlines(), "run: python -m tests.vps.tested"
