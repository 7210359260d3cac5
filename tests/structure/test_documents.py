import re
from pathlib import Path

import pytest

from hypervisor.ctl.document import ctl_page
from hypervisor.exits.document import exits_page
from hypervisor.shell.document import shell_page
from hypervisor.trace.document import tracing_page
from tests.bench.counts import read_record
from tests.exit_path.document import GUESTS_OWN, life_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")
# `path/like/this.py` or `folder/` in a page, where it names a place in the tree.
PLACE = re.compile(r"`((?:boot|codegen|drivers|hypervisor|tests|docs|examples)/[\w./+-]*)`")


STALE = "the code has changed under this page: write it again with ./build.py document"


def test_the_page_of_exits_is_made_from_the_list() -> None:
    assert (ROOT / "docs" / "exits.md").read_text() == exits_page(), STALE


def test_the_page_of_the_shell_is_made_from_its_table() -> None:
    assert (ROOT / "docs" / "shell.md").read_text() == shell_page(), STALE


def test_the_page_of_the_protocol_is_made_from_the_table() -> None:
    assert (ROOT / "docs" / "ctl.md").read_text() == ctl_page(), STALE


def test_the_page_of_events_is_made_from_the_list() -> None:
    assert (ROOT / "docs" / "tracing.md").read_text() == tracing_page(), STALE


def test_the_life_of_an_exit_is_that_of_the_images() -> None:
    assert (ROOT / "docs" / "life-of-an-exit.md").read_text() == life_page(), STALE


def test_the_walked_path_has_as_many_instructions_as_the_emulators_count() -> None:
    page = (ROOT / "docs" / "life-of-an-exit.md").read_text()
    walked = re.search(r"^\| the monitor's \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert walked is not None
    counted = {vendor: int(walked[number]) + GUESTS_OWN[vendor] for number, vendor in enumerate(GUESTS_OWN, 1)}
    assert counted == {vendor: counts["cpuid"] for vendor, counts in read_record().items()}, (
        "if an exit has become cheaper, record it first: ./build.py bench --record"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(CODE.sub("", page.read_text())) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_places_that_a_page_names_exist(page: Path) -> None:
    missing = [place for place in PLACE.findall(page.read_text()) if not (ROOT / place).exists()]
    assert missing == []
