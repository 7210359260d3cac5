import tomllib
from pathlib import Path

import pytest

from hypervisor.config.check import load_config
from hypervisor.config.describe import access_summary, config_markdown, json_schema
from hypervisor.config.schema import VM_KEYS

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))


def test_docs_are_generated_from_the_schema() -> None:
    assert (ROOT / "docs" / "config.md").read_text() == config_markdown(), (
        "run build/venv/bin/python -m hypervisor.config > docs/config.md"
    )


def test_examples_of_every_key_are_toml_of_its_kind() -> None:
    schema = json_schema()
    text = "\n".join(["[[vm]]", *(f"{key.name} = {key.example}" for key in VM_KEYS)])
    (vm,) = tomllib.loads(text)["vm"]
    types = {"string": str, "integer": int, "boolean": bool, "array": list}
    properties = schema["properties"]["vm"]["items"]["properties"]  # type: ignore[index]
    for name, value in vm.items():
        assert type(value) is types[properties[name]["type"]]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_pass_the_check(path: Path) -> None:
    config = load_config(path)
    summary = access_summary(config)
    assert all(f"{name}:" in summary for name in config.names)


def test_the_summary_says_what_disks_a_vm_may_touch(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(bytes(1 << 20))
    text = (ROOT / "examples" / "disk.toml").read_text().replace("../build", str(ROOT / "build"))
    path = tmp_path / "x.toml"
    path.write_text(text + '[[vm.disk]]\nimage = "image"\nread_only = true\n')
    summary = access_summary(load_config(path))
    assert "disk     32M of RAM of its own, at first empty" in summary
    assert "hardware none" in summary
    assert f"disk     {tmp_path / 'image'}, read-only" in summary


def test_the_summary_says_which_disks_of_the_machine_a_vm_may_touch(tmp_path: Path) -> None:
    text = (ROOT / "examples" / "disk.toml").read_text().replace("../build", str(ROOT / "build"))
    path = tmp_path / "x.toml"
    path.write_text(text + '[[vm.disk]]\ndisk = "nvme0"\n[[vm.disk]]\npartition = "root"\nread_only = true\n')
    config = load_config(path)
    summary = access_summary(config)
    assert "disk     disk nvme0 of the machine, which no other VM uses" in summary
    assert "disk     partition root of the machine, read-only" in summary
    assert "hardware no real port, MSR or interrupt; disks only as above" in summary
    assert config.vms[0].host_memory == (256 + 32) << 20
