"""Services that share a host."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.inventory.documents import SERVICE, document, mistake, mistakes, read


def test_two_services_cannot_keep_one_variable() -> None:
    one = {**document()["services"]["web"], "persist": True}
    other = {**one, "persist": False}
    tree = {**document(), "services": {"web": one, "api": other}}

    (mistake,) = mistakes(tree)

    assert "services.web.persist: keeps IMAGE_TAG in .env" in mistake
    assert "services.api" in mistake
    other["tag_variable"] = "API_TAG"
    assert read(tree).compose_services[0].persist


def two(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    tree = document()
    tree["hosts"]["vps2"] = {"address": "vps2"}
    tree["services"] = {"one": {**SERVICE, **one}, "other": {**SERVICE, **other}}
    return tree


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({}, {"compose_files": ["compose.yml", "other.yml"]}),
        ({}, {"compose_files": ["other/compose.yml"]}),
        ({}, {"directory": "/opt/other"}),
        ({}, {"directory": "/opt/infra/other"}),
        ({"state_directory": "/var/s"}, {"state_directory": "/var/s"}),
        (
            {},
            {
                "directory": "/opt/other",
                "state_directory": "/opt/infra/.deployctl",
                "hosts": ["vps2"],
            },
        ),
    ],
)
def test_services_may_share_a_project_or_be_apart(one: Any, other: Any) -> None:
    assert set(read(two(one, other)).services) == {"one", "other"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (
            {},
            {"directory": "/opt/other", "state_directory": "/opt/infra/.deployctl"},
            '"/opt/infra/.deployctl" is also that of services.one, which is in another directory',
        ),
        (
            {"state_directory": "/var/s"},
            {"directory": "/opt/other", "state_directory": "/var/s/other"},
            '"/var/s/other" overlaps that of services.one ("/var/s")',
        ),
        (
            {},
            {"state_directory": "/var/s"},
            '"/var/s" differs from that of services.one ("/opt/infra/.deployctl")',
        ),
    ],
)
def test_services_on_one_host_share_a_lock_exactly_when_they_share_a_project(
    one: Any, other: Any, expected: str
) -> None:
    found = mistake(two(one, other))
    assert found.startswith(f"services.other.state_directory: {expected}")


def test_services_without_compose_files_are_not_said_to_share_a_project() -> None:
    parts = {"model": "compose", "hosts": ["vps"]}
    services = {name: {**parts, "directory": f"/opt/{name}"} for name in ("one", "other")}
    assert mistakes({**document(), "services": services}) == [
        "services.one.compose_files: is missing",
        "services.other.compose_files: is missing",
    ]
