"""What the benchmark believes and writes; what it measures needs a VPS."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.report import BEGIN, END, put_into
from bench.stage import healthy_hosts

TAG = "sha-1a2b3c4"
INSPECTED = f"localhost:5000/enforcer-backend:{TAG} sha256:9f86d0 healthy 2026-01-01T00:00:00Z\n"
LISTED = f'9f86d0 localhost:5000/enforcer-backend:{TAG} "httpd" Up 2 minutes (healthy)\n'
ROW = f"vps-01  enforcer-backend  {TAG}  in sync  healthy  2026-01-01T00:00:00Z\n"


@pytest.mark.parametrize("one_host", [LISTED + INSPECTED, ROW])
def test_each_host_that_answers_is_counted_once(one_host: str) -> None:
    assert healthy_hosts(20 * one_host, TAG) == 20


@pytest.mark.parametrize("line", [INSPECTED, ROW])
@pytest.mark.parametrize(
    ("said", "instead"), [("healthy", "unhealthy"), (TAG, "sha-2b3c4d5"), (TAG, f"{TAG}5")]
)
def test_another_tag_or_health_is_not_counted(line: str, said: str, instead: str) -> None:
    assert healthy_hosts(line.replace(said, instead), TAG) == 0


def test_the_figures_of_the_performance_page_can_be_replaced() -> None:
    page = Path("docs/performance.md").read_text()
    updated = put_into(page, "new figures")
    assert "new figures" in updated
    assert updated.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert updated.partition(END)[2] == page.partition(END)[2]
    assert put_into(updated, "new figures") == updated


def test_a_page_without_both_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="figures"):
        put_into(f"{END} {BEGIN}", "new figures")
