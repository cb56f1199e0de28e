"""Settings of this machine, as a container gets them."""

from __future__ import annotations

import configparser
from pathlib import Path

from tests.install.machine import moved, named, pip_conf_of


def test_a_path_that_exists_leads_to_what_is_handed_over(tmp_path: Path) -> None:
    certificates = tmp_path / "ca.crt"
    certificates.touch()
    setting = f'Acquire::https::CaInfo "{certificates}"; Other "{tmp_path}/none"'

    assert named(setting) == {certificates}
    assert (
        moved(setting)
        == f'Acquire::https::CaInfo "/machine{certificates}"; Other "{tmp_path}/none"'
    )


def test_an_index_brings_the_files_that_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "simple").mkdir()
    index = (tmp_path / "simple").as_uri()

    assert named(f"{index} https://index.example/etc") == {tmp_path}
    assert moved(f"{index} https://u:p@index.example:80/etc /dev/null") == (
        f"file:///machine{tmp_path}/simple https://u:p@index.example:80/etc /dev/null"
    )


def test_what_pip_lists_is_a_file_of_settings_again() -> None:
    listed = (
        ":env:.cert='/etc/ssl/ca.crt'\n"
        "global.extra-index-url='\\nfile:///one/simple\\nfile:///two/simple'\n"
        "global.timeout='60'\n"
        "install.no-compile='yes'\n"
    )

    read = configparser.RawConfigParser()
    read.read_string(pip_conf_of(listed))

    assert read["global"]["extra-index-url"].split() == ["file:///one/simple", "file:///two/simple"]
    assert read["global"]["timeout"] == "60"
    assert read["install"]["no-compile"] == "yes"
    assert read.sections() == ["global", "install"]
