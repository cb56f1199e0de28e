"""Anything at all is read, or refused in printable words."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import UsageError
from deployctl.inventory import ComposeService, Host, parse
from tests.unit.inventory.documents import ENVIRONMENT, FULL_EXAMPLE, document, read

ANY_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.just({"env": "VPS_HOST"}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
HOST_KEYS = [field.name for field in dataclasses.fields(Host)] + ["ssh_key", "env"]
SERVICE_KEYS = [field.name for field in dataclasses.fields(ComposeService)]
ANY_DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "hosts": ANY_VALUE
        | st.dictionaries(
            st.sampled_from(["vps", "b"]),
            st.dictionaries(st.sampled_from(HOST_KEYS) | st.text(), ANY_VALUE, max_size=5),
        ),
        "services": ANY_VALUE
        | st.dictionaries(
            st.sampled_from(["web", "a-b"]) | st.text(),
            st.dictionaries(st.sampled_from(SERVICE_KEYS) | st.text(), ANY_VALUE, max_size=5),
        ),
        "gates": ANY_VALUE,
        "extra": ANY_VALUE,
    },
)


def is_answered_safely(error: UsageError) -> bool:
    told = [error.message, error.hint, *error.details]
    return all(line.isprintable() for line in told)


@given(ANY_DOCUMENT, st.dictionaries(st.just("VPS_HOST"), st.text()))
def test_any_document_is_read_or_refused_in_printable_words(
    tree: dict[str, Any], environment: dict[str, str]
) -> None:
    refusal = None
    try:
        inventory = read(tree, environment)
        inventory.resolve_hosts(inventory.host_names)
    except UsageError as error:
        refusal = error
    assert refusal is None or is_answered_safely(refusal)


@given(st.text() | st.text(alphabet='[]{}="\n.a1#-\\\0'))
def test_any_text_is_read_or_refused_in_printable_words(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, {}, path=text)
    assert is_answered_safely(caught.value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_any_printable_path_on_the_host_survives_being_written_as_toml(name: str) -> None:
    # TOML's basic strings are JSON's, as long as nothing is escaped as a pair of surrogates.
    quoted = json.dumps(f"/opt/{name}/x", ensure_ascii=False)
    text = FULL_EXAMPLE.replace('"/opt/infra"', quoted)
    if ".." in name.split("/"):
        return
    directory = parse(text, ENVIRONMENT, path="i").compose_services[0].directory
    assert directory.startswith("/opt")
    assert directory.endswith("/x")
    if "/" not in name and name != ".":
        assert directory == f"/opt/{name}/x"


@given(st.text())
def test_any_value_of_the_environment_is_used_or_refused_without_showing_it(value: str) -> None:
    settings = {
        key: {"env": "V"}
        for key in ("address", "port", "user", "ssh_key", "proxy_jump", "host_key")
    }
    inventory = read(document(host=settings), {"V": value})
    with pytest.raises(UsageError) as caught:  # no text is an address and a private key
        inventory.host("vps")
    assert is_answered_safely(caught.value)
