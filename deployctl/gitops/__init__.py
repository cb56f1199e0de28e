"""The Git and Flux model. It has no verb yet: each of them refuses a service of it."""

from __future__ import annotations

from deployctl.errors import RefusedError
from deployctl.inventory import GitopsService
from deployctl.release.checklist import Gate


def refusal(service: GitopsService) -> RefusedError:
    """Return the error for a change over SSH of a service that Flux applies."""
    return RefusedError(
        "model-refused",
        f"{service.name} is deployed by Git and Flux (model = 'gitops'), "
        "so nothing is changed over SSH",
        hint="commit the tag to the infra repository; never mix the two models",
        gate=Gate.MODEL,
    )
