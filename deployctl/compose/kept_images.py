"""Our own names for images on a host: they protect them from `docker image prune`. Pure."""

from __future__ import annotations


def kept_repository(service: str) -> str:
    """Return the repository under which a service's releases are kept."""
    return f"deployctl/{service}"


def kept_image(service: str, tag: str) -> str:
    """Return the name under which one release is kept."""
    return f"{kept_repository(service)}:{tag}"
