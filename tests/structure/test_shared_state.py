import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "smp.md"
ROW = re.compile(r"^\| `([\w.]+)` \| ([\w ]+) \|", re.MULTILINE)
IN_IMAGES = ("hypervisor", "drivers", "boot/entry")
OWNERS = re.compile(r"start|atomics|processor|vCPU|the first processor|the panic|lock [A-Z_]+")


def storages() -> set[str]:
    found = set()
    for folder in IN_IMAGES:
        for file in (ROOT / folder).rglob("*.py"):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(file.read_text()).body:
                match node:
                    case ast.Assign(
                        targets=[ast.Name(name)], value=ast.Call(func=ast.Name("storage" | "storage_array"))
                    ):
                        found.add(f"{module}.{name}")
    return found


def test_the_page_says_of_all_state_who_may_touch_it() -> None:
    assert {name for name, _ in ROW.findall(PAGE.read_text())} == storages()


def test_it_says_so_in_the_words_that_it_explains() -> None:
    text = PAGE.read_text()
    assert [owner for _, owner in ROW.findall(text) if not OWNERS.fullmatch(owner)] == []
    (order,) = re.findall(r"taken in the order ([A-Z_,\s]+)\(", text)
    source = (ROOT / "hypervisor/cpu/spin_lock.py").read_text()
    places = re.findall(r"^    ([A-Z_]+) = [1-9]", source, re.MULTILINE)
    assert re.findall(r"[A-Z_]+", order) == places
