from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import strategies as st

from deployctl import checkup
from deployctl.checkup import CheckResult, Finding, Severity
from deployctl.compose.facts import Hold
from deployctl.errors import BusyError
from deployctl.holds import HoldOutcome, HoldResult
from tests.unit.render.samples import hostile

SCHEMA = json.loads(Path(checkup.__file__).with_name("output.schema.json").read_text())


CONTROL = {chr(n) for n in (*range(32), *range(0x7F, 0xA0))} - {"\n"}


findings = st.builds(
    Finding,
    check=st.sampled_from(["registry", "dependencies", "host-key"]),
    code=hostile,
    severity=st.sampled_from(Severity),
    message=hostile,
    remedy=hostile,
    details=st.lists(hostile, max_size=3).map(tuple),
)


checks = st.builds(
    CheckResult, hostile, hostile, st.lists(findings, max_size=4).map(tuple), st.floats()
)


holds_ = st.none() | st.builds(Hold, hostile, hostile, hostile)


results = st.builds(
    HoldResult,
    hostile,
    hostile,
    st.sampled_from(HoldOutcome),
    hold=holds_,
    before=holds_,
    busy=hostile,
    error=st.none() | st.builds(BusyError, hostile, hostile, hint=hostile, state=hostile),
)


def assert_valid(text: str) -> Any:
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    return document
