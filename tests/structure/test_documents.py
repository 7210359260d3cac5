import re
from pathlib import Path

import pytest

from hypervisor.exits.document import exits_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")
# `path/like/this.py` or `folder/` in a page, where it names a place in the tree.
PLACE = re.compile(r"`((?:boot|codegen|drivers|hypervisor|tests|docs|examples)/[\w./+-]*)`")


def test_the_page_of_exits_is_made_from_the_list() -> None:
    assert (ROOT / "docs" / "exits.md").read_text() == exits_page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(CODE.sub("", page.read_text())) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_places_that_a_page_names_exist(page: Path) -> None:
    missing = [place for place in PLACE.findall(page.read_text()) if not (ROOT / place).exists()]
    assert missing == []
