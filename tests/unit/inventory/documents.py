"""A good inventory to change, and what is asked of a changed one."""

from __future__ import annotations

from typing import Any

import pytest

from deployctl.errors import EXIT_USAGE, UsageError
from deployctl.inventory import ComposeService, Host, Inventory
from deployctl.inventory.parser import from_document

FINGERPRINT = "SHA256:" + "a" * 43
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
ENVIRONMENT = {"VPS_HOST": "203.0.113.7", "VPS_USER": "deploy", "DEPLOY_SSH_KEY": KEY}
FULL_EXAMPLE = f"""
[hosts.vps]
address  = {{ env = "VPS_HOST" }}
user     = {{ env = "VPS_USER" }}
ssh_key  = {{ env = "DEPLOY_SSH_KEY" }}
host_key = "{FINGERPRINT}"

[services.enforcer-backend]
model         = "compose"
hosts         = ["vps"]
directory     = "/opt/infra"
compose_files = ["compose/docker-compose.yml", "compose/enforcer/docker-compose.yml"]
tag_variable  = "IMAGE_TAG"
health_timeout = "60s"
keep          = 5

[gates]
source_refs = ["refs/heads/main"]
"""


def document(
    *, host: dict[str, Any] | None = None, service: dict[str, Any] | None = None, **top: Any
) -> dict[str, Any]:
    """Return a good inventory with some settings of its host `vps` and service `web` changed."""
    return {
        "hosts": {"vps": {"address": "vps.example.com", **(host or {})}},
        "services": {"web": {**SERVICE, **(service or {})}},
        **top,
    }


SERVICE = {
    "model": "compose",
    "hosts": ["vps"],
    "directory": "/opt/infra",
    "compose_files": ["compose.yml"],
}


def read(tree: dict[str, Any], environment: dict[str, str] | None = None) -> Inventory:
    return from_document(tree, environment or {}, path="inventory.toml")


def host(environment: dict[str, str] | None = None, **settings: Any) -> Host:
    return read(document(host=settings), environment).host("vps")


def service(**settings: Any) -> ComposeService:
    return read(document(service=settings)).compose_services[0]


def mistakes(tree: dict[str, Any]) -> list[str]:
    with pytest.raises(UsageError) as caught:
        read(tree)
    assert caught.value.code == "inventory-invalid"
    assert caught.value.exit_status == EXIT_USAGE
    return [line.removeprefix("inventory.toml: ") for line in caught.value.details]


def mistake(tree: dict[str, Any]) -> str:
    (line,) = mistakes(tree)
    return line


def environment_error(settings: dict[str, Any], environment: dict[str, str]) -> UsageError:
    inventory = read(document(host=settings), environment)
    with pytest.raises(UsageError) as caught:
        inventory.host("vps")
    return caught.value
