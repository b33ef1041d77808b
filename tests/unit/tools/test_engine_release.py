"""The versions that are good enough, and the committed Go modules, which pin the documented ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.engine import release

MODULES = Path(release.__file__).parent


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("v3.259.0\n", True),
        ("3.259.1", True),
        ("v3.300.0-alpha.x1234", True),
        ("v3.999.12+dirty", True),
        ("v3.259.0-alpha.1", False),  # before the release whose behaviour we rely on
        ("v3.258.9", False),
        ("v2.999.0", False),
        ("v4.0.0", False),
        ("v4.0.0-alpha.1", False),
    ],
)
def test_the_supported_range_is_that_of_the_package(text: str, good: bool) -> None:
    version = release.parse(text)
    assert version is not None
    assert release.is_suitable(version) is good


@pytest.mark.parametrize("text", ["", "command not found", "v3.259", "3.259.0.1", "pulumi v3.259.0", "v3.259.0 extra"])
def test_what_is_no_version_is_not_taken_for_one(text: str) -> None:
    assert release.parse(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.26", (1, 26, 0)),
        ("go1.25.11-custom", (1, 25, 11)),
        ("go1.26.8 X:nocoverageredesign", (1, 26, 8)),
        ("go1.25.11rc1", (1, 25, 10)),  # may lack what the release has
        ("devel +abc", None),
        ("", None),
    ],
)
def test_go_says_its_version_in_several_ways(text: str, number: tuple[int, int, int] | None) -> None:
    assert release.parse_go(text) == number


def test_the_committed_modules_pin_the_versions_we_name() -> None:
    cli = (MODULES / "cli" / "go.mod").read_text()
    host = (MODULES / "language-host" / "go.mod").read_text()
    oldest_go = ".".join(map(str, release.OLDEST_GO))
    assert f"\tgithub.com/pulumi/pulumi/pkg/v3 v{release.PULUMI} " in cli
    assert f"\tgithub.com/pulumi/pulumi/sdk/v3 v{release.PULUMI} " in cli
    assert f"\tgithub.com/pulumi/pulumi/sdk/v3 v{release.LANGUAGE_HOST} " in host
    for module in (cli, host):
        assert f"\ngo {oldest_go}\n" in module
        assert "\ntoolchain " not in module  # it would fetch another Go for nothing
