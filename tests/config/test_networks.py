from __future__ import annotations

from pathlib import Path

import pytest

from codegen.lang import sizeof
from hypervisor.config.check import load_config
from hypervisor.config.describe import access_summary
from hypervisor.config.manifest import NO_VLAN, ManifestHeader, ManifestNet, ManifestVm
from hypervisor.config.model import PORT_BYTES, MachineConfig
from hypervisor.config.networks import derived_mac
from hypervisor.config.pack import pack_manifest
from hypervisor.config.problems import ConfigError
from hypervisor.net.port import MEMORY_FRAMES
from tests.config.kernel_files import bzimage

NETWORKS = """\
[[network]]
name = "inside"
rate = "4M"

[[network]]
name = "outside"
mtu = 9000
"""
VM = """
[[vm]]
name = "{name}"
kernel = "vmlinuz"
memory = "256M"
"""


def load(folder: Path, text: str) -> MachineConfig:
    (folder / "vmlinuz").write_bytes(bzimage())
    path = folder / "x.toml"
    path.write_text(text)
    return load_config(path)


def vm(name: str, *nets: str) -> str:
    return VM.format(name=name) + "".join(f"[[vm.net]]\n{net}\n" for net in nets)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(folder, text)
    return [str(problem).removeprefix(str(folder / "x.toml")) for problem in error.value.problems]


def test_what_is_left_out_is_the_networks_or_follows_from_the_name(tmp_path: Path) -> None:
    text = NETWORKS + vm(
        "one", 'network = "inside"', 'network = "outside"\nvlans = [5, 6]\nspoofing = true\nburst = "128K"'
    )
    config = load(tmp_path, text)
    first, second = config.vms[0].nets
    assert (first.rate, first.burst, first.vlan, first.vlans, first.spoofing) == (4 << 20, 256 << 10, 0, (), False)
    assert (second.rate, second.burst, second.vlan, second.vlans, second.spoofing) == (
        None,
        128 << 10,
        None,
        (5, 6),
        True,
    )
    assert first.mac == derived_mac("one", 1) and second.mac == derived_mac("one", 2) != first.mac
    assert first.mac[0] & 3 == 2, "of one station, and locally administered"
    assert [network.mtu for network in config.networks] == [1500, 9000]
    assert config.vms[0].host_memory == (256 << 20) + 2 * PORT_BYTES


def test_addresses_stay_what_they_are() -> None:
    assert derived_mac("debian", 1).hex() == "5217c2dfd484"


def test_the_memory_of_a_port_is_what_the_monitor_takes() -> None:
    assert PORT_BYTES == MEMORY_FRAMES * 4096


def test_the_manifest_carries_it(tmp_path: Path) -> None:
    nets = (
        'network = "outside"\nmac = "02:00:00:00:00:ab"\nvlan = 7\nvlans = [8, 9]\nrate = "8K"',
        'network = "inside"\nvlans = [1]',
    )
    manifest, _ = pack_manifest(load(tmp_path, NETWORKS + vm("one", *nets)))
    entry = manifest[sizeof(ManifestHeader) :][: sizeof(ManifestVm)]

    def number(place: int, offset: int, width: int) -> int:
        start = ManifestVm.nets.offset + place * sizeof(ManifestNet) + offset
        return int.from_bytes(entry[start : start + width], "little")

    assert int.from_bytes(entry[ManifestVm.net_count.offset :][:4], "little") == 2
    fields = [(ManifestNet.network, 4), (ManifestNet.flags, 4), (ManifestNet.plain_vlan, 2), (ManifestNet.mtu, 4)]
    fields += [(ManifestNet.vlan_count, 4), (ManifestNet.rate, 8), (ManifestNet.burst, 8), (ManifestNet.vlans, 4)]
    assert [number(0, field.offset, width) for field, width in fields] == [
        *(1, 0, 7, 9000),
        *(2, 8192, 256 << 10, 8 | 9 << 16),
    ]
    assert number(0, ManifestNet.mac.offset, 6).to_bytes(6, "little") == bytes.fromhex("0200000000ab")
    assert [number(1, field.offset, width) for field, width in fields] == [
        *(0, 0, NO_VLAN, 1500),
        *(1, 4 << 20, 256 << 10, 1),
    ]


def test_people_are_told_whom_a_vm_meets(tmp_path: Path) -> None:
    nets = (
        'network = "inside"\nmac = "02:00:00:00:00:01"\nvlan = 7',
        'network = "outside"\nvlans = [1, 2]\nspoofing = true\nmac = "02:00:00:00:00:02"',
    )
    text = access_summary(load(tmp_path, NETWORKS + vm("one", *nets)))
    assert "  network  02:00:00:00:00:01 in inside, VLAN 7, at most 4M a second\n" in text
    assert "  network  02:00:00:00:00:02 in outside, with tags: VLANs 1, 2, also under other addresses\n" in text


MAC = 'mac = "02:00:00:00:00:01"'
WRONG = {
    "no network at all": (
        vm("one", 'network = "inside"'),
        'vm 1: net 1.network: there is no network "inside"; add a [[network]]',
    ),
    "another name": (
        NETWORKS + vm("one", 'network = "insid"'),
        ':14: vm 1: net 1.network: there is no network "insid"; write one of inside, outside',
    ),
    "no name": (NETWORKS + vm("one", ""), "net 1.network: missing; add a line such as network ="),
    "an address twice": (
        NETWORKS + vm("one", f'network = "inside"\n{MAC}') + vm("two", f'network = "inside"\n{MAC}'),
        ":23: vm 2: net 1.mac: 02:00:00:00:00:01 is one's address in this network already",
    ),
    "an address twice in a VM": (NETWORKS + vm("one", *[f'network = "inside"\n{MAC}'] * 2), "vm 1: net 2.mac: 02:"),
    "a group's address": (
        NETWORKS + vm("one", 'network = "inside"\nmac = "01:00:00:00:00:01"'),
        "no address of one device; let the first byte",
    ),
    "no address": (
        NETWORKS + vm("one", 'network = "inside"\nmac = "2:0:0:0:0:1"'),
        "is no MAC address; write six bytes",
    ),
    "a VLAN out of range": (
        NETWORKS + vm("one", 'network = "inside"\nvlan = 4095'),
        "net 1.vlan: 4095 is out of range; write a number from 1 to 4094",
    ),
    "tags out of range": (
        NETWORKS + vm("one", 'network = "inside"\nvlans = [0]'),
        "net 1.vlans: 0 is no VLAN; write numbers from 1 to 4094",
    ),
    "tags twice": (
        NETWORKS + vm("one", 'network = "inside"\nvlans = [4, 4]'),
        "names a VLAN twice; name each one once",
    ),
    "too many tags": (
        NETWORKS + vm("one", f'network = "inside"\nvlans = {list(range(1, 18))}'),
        "is no list of VLANs; write a list of at most 16",
    ),
    "a VLAN with and without": (
        NETWORKS + vm("one", 'network = "inside"\nvlan = 4\nvlans = [4]'),
        "net 1.vlan: VLAN 4 is in vlans, too",
    ),
    "a small burst": (
        NETWORKS + vm("one", 'network = "inside"\nburst = "68K"'),
        'out of range; write a size from "72K" to "8G"',
    ),
    "too many": (NETWORKS + vm("one", *['network = "inside"'] * 4), "vm 1: net 4: 4 network devices; write at most 3"),
    "a misspelt key": (
        NETWORKS + vm("one", 'network = "inside"\nvlann = 4'),
        "net 1.vlann: unknown key; did you mean vlan?",
    ),
    "a misspelt key of a network": (
        NETWORKS.replace("mtu", "mtuu") + vm("one"),
        ":7: network 2: mtuu: unknown key; did you mean mtu?",
    ),
    "a small mtu": (
        NETWORKS.replace("9000", "575") + vm("one"),
        ":7: network 2: mtu: 575 is out of range; write a number from 576 to 9000",
    ),
    "a name twice": (
        NETWORKS.replace("outside", "inside") + vm("one"),
        ':6: network 2: name: "inside" is used twice; give',
    ),
    "a misspelt table": (
        NETWORKS.replace("[[network]]", "[[netwrk]]") + vm("one"),
        "netwrk: unknown key; did you mean [[network]]?",
    ),
    "too many networks": (
        "".join(f'[[network]]\nname = "n{n}"\n' for n in range(17)) + vm("one"),
        "network: 17 networks; write at most 16",
    ),
    "no tables": (
        "network = 3\n" + vm("one"),
        "network: no list of tables; begin each network with a line [[network]]",
    ),
    "no tables of devices": (vm("one") + "net = 3\n", "vm 1: net: no list of tables; begin each network device with"),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named_with_the_remedy(name: str, tmp_path: Path) -> None:
    text, expected = WRONG[name]
    assert any(expected in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_the_same_address_may_be_in_two_networks(tmp_path: Path) -> None:
    text = NETWORKS + vm("one", f'network = "inside"\n{MAC}') + vm("two", f'network = "outside"\n{MAC}')
    assert len(load(tmp_path, text).vms) == 2
