"""The schema in other words: JSON Schema for editors, docs/config.md, and what a checked VM may touch."""

from hypervisor.config.kinds import Choice, Duration, JsonSchema, Size, size_text, time_text
from hypervisor.config.limits import MAX_DISKS, MAX_NETS, MAX_NETWORKS, MAX_VMS, MAX_WAIT_NS
from hypervisor.config.manifest import DiskSource, RestartPolicy
from hypervisor.config.model import Disk, MachineConfig, Net, VmConfig
from hypervisor.config.networks import mac_text
from hypervisor.config.schema import DISK_KEYS, NET_KEYS, NETWORK_KEYS, POLICY, REQUIRED, VM_KEYS, WAIT_UNITS, Key

INTRODUCTION = """\
# The configuration

<!-- Generated from hypervisor/config/schema.py by `build/venv/bin/python -m hypervisor.config`; a test compares. -->

A configuration is a [TOML](https://toml.io) file with one `[[vm]]` table for each virtual machine, at most {max_vms}.
Paths are relative to the file. `./build.py check FILE` says what is wrong with it, all at once, and then what each VM
may touch; `./build.py check --schema` prints a JSON Schema for editors.

```toml
{example}
```

| key | value | default | meaning |
|---|---|---|---|
{rows}

## Disks

Each `[[vm.disk]]` table behind a `[[vm]]` is one virtio disk of that VM, at most {max_disks}. A disk in RAM outlasts
the guest's resets and ends with the VM; one on a disk of the machine stays ([storage.md](storage.md)).

```toml
[[vm.disk]]
image = "root.img"
size  = "256M"
```

| key | value | default | meaning |
|---|---|---|---|
{disk_rows}

## Networks

Each `[[network]]` table is a switch, at most {max_networks}; each `[[vm.net]]` table behind a `[[vm]]` is one virtio
network device of that VM, at most {max_nets}, plugged into one of them. Devices meet those of the same network and
VLAN, and no others: [network.md](network.md).

```toml
[[network]]
name = "inside"

[[vm.net]]
network = "inside"
```

A `[[network]]` has

| key | value | default | meaning |
|---|---|---|---|
{network_rows}

and a `[[vm.net]]`

| key | value | default | meaning |
|---|---|---|---|
{net_rows}
"""


WAIT = Duration(0, MAX_WAIT_NS, WAIT_UNITS)
RARE = (
    *("cap", "cpus", "exclusive", "budget", "period", "on_crash", "on_reboot", "on_poweroff"),
    *("restart_limit", "restart_window", "start", "order", "delay"),
)
"""Keys that the example leaves out: few VMs need them."""


def json_schema() -> JsonSchema:
    """JSON Schema (draft 2020-12) of a configuration."""
    disks: JsonSchema = {"type": "array", "maxItems": MAX_DISKS, "items": table_schema(DISK_KEYS)}
    nets: JsonSchema = {"type": "array", "maxItems": MAX_NETS, "items": table_schema(NET_KEYS)}
    vm = table_schema(VM_KEYS, {"disk": disks, "net": nets})
    networks: JsonSchema = {"type": "array", "maxItems": MAX_NETWORKS, "items": table_schema(NETWORK_KEYS)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keelback configuration",
        "type": "object",
        "additionalProperties": False,
        "required": ["vm"],
        "properties": {"vm": {"type": "array", "minItems": 1, "maxItems": MAX_VMS, "items": vm}, "network": networks},
    }


def table_schema(keys: tuple[Key, ...], tables: JsonSchema | None = None) -> JsonSchema:
    """Of a table with these keys, and with tables of its own."""
    properties = {key.name: {"description": key.doc, **default_of(key), **key.kind.json_schema()} for key in keys}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [key.name for key in keys if key.default is REQUIRED],
        "properties": {**properties, **(tables or {})},
    }


def default_of(key: Key) -> JsonSchema:
    match key.kind:
        case Size() if isinstance(key.default, int):
            return {"default": size_text(key.default)}
        case Choice() as choice:
            return {"default": choice.word(key.default)}
        case Duration() as duration if isinstance(key.default, int):
            return {"default": duration.text(key.default)}
        case _:
            pass
    return {"default": key.default} if isinstance(key.default, int | str) else {}


def config_markdown() -> str:
    """The text of docs/config.md."""
    width = max(len(key.name) for key in VM_KEYS)
    plain = [key for key in VM_KEYS if key.name not in ("modules", *RARE)]
    example = "\n".join(["[[vm]]", *(f"{key.name:{width}} = {key.example}" for key in plain)])
    texts = {"rows": rows(VM_KEYS), "disk_rows": rows(DISK_KEYS)}
    texts |= {"network_rows": rows(NETWORK_KEYS), "net_rows": rows(NET_KEYS)}
    limits = {"max_vms": MAX_VMS, "max_disks": MAX_DISKS, "max_nets": MAX_NETS, "max_networks": MAX_NETWORKS}
    return INTRODUCTION.format(example=example, **limits, **texts)


def rows(keys: tuple[Key, ...]) -> str:
    """Of a table of keys."""
    return "\n".join(f"| `{key.name}` | {key.kind.rule()} | {default_text(key)} | {key.doc} |" for key in keys)


def default_text(key: Key) -> str:
    match key.kind:
        case Size() if isinstance(key.default, int):
            return f"`{size_text(key.default)}`"
        case Choice() as choice:
            return f"`{choice.word(key.default)}`"
        case Duration() as duration if isinstance(key.default, int):
            return f"`{duration.text(key.default)}`"
        case _:
            pass
    match key.default:
        case bool(value):
            return "`true`" if value else "`false`"
        case int(value):
            return f"`{value}`"
        case None | "" | ():
            return "none"
        case _:
            return "required"


def access_summary(config: MachineConfig) -> str:
    """For people: what each VM is, and everything that it may touch."""
    return "\n\n".join(vm_access(vm) for vm in config.vms)


def vm_access(vm: VmConfig) -> str:
    files = [f"kernel {vm.kernel} ({vm.kind.value})"]
    files += [f"initrd {vm.initrd}"] if vm.initrd else []
    files += [f"module {module.file} {module.arguments}".rstrip() for module in vm.modules]
    clock = "TSC, PM timer, PIT, RTC" + (", KVM paravirtual clock" if vm.kvm_signature else "")
    lines = [
        f"{vm.name}:",
        *(f"  reads    {file}" for file in files),
        f"  memory   {size_text(vm.memory)} of RAM of its own; no other VM's, and none of the monitor's",
        *(f"  disk     {disk_text(disk)}" for disk in vm.disks),
        *(f"  network  {net_text(net)}" for net in vm.nets),
        f"  CPU      {vm.vcpus} virtual CPU{'s' if vm.vcpus > 1 else ''}, {time_of_processors(vm)}",
        "  devices  virtual only: interrupt controllers, serial port COM1 (the console), PCI with virtio, ACPI",
        f"  clocks   {clock}",
        f"  hardware {hardware_text(vm)}",
        f"  starts   {start_of(vm)}",
        f"  ends     {end_of(vm)}",
    ]
    return "\n".join(lines)


def disk_text(disk: Disk) -> str:
    """What is on it, and who may change that."""
    if disk.source != DiskSource.MEMORY:
        what = f"disk {disk.name}" if disk.source == DiskSource.DISK else f"partition {disk.name}"
        return f"{what} of the machine, {'read-only' if disk.read_only else 'which no other VM uses'}"
    if disk.read_only:
        return f"{disk.image}, read-only"
    content = f"a copy of {disk.image}" if disk.image else "empty"
    return f"{size_text(disk.size)} of RAM of its own, at first {content}"


def hardware_text(vm: VmConfig) -> str:
    """Disks of the machine are driven by the monitor; their DMA reaches the RAM of who uses them."""
    if any(disk.source != DiskSource.MEMORY for disk in vm.disks):
        return "no real port, MSR or interrupt; disks only as above, whose controllers reach the VM's RAM"
    return "none: no real port, MSR, device or interrupt"


def net_text(net: Net) -> str:
    """Whom it meets, and what it may do to them."""
    vlans = [f"VLAN {net.vlan}"] if net.vlan else []
    vlans += (
        [f"with tags: VLAN{'s' if len(net.vlans) > 1 else ''} {', '.join(map(str, net.vlans))}"] if net.vlans else []
    )
    text = f"{mac_text(net.mac)} in {net.network}" + "".join(f", {each}" for each in vlans)
    text += f", at most {size_text(net.rate)} a second" if net.rate else ""
    return text + (", also under other addresses" if net.spoofing else "")


def start_of(vm: VmConfig) -> str:
    """When."""
    if not vm.start:
        return "when somebody asks for it"
    wait = f", {WAIT.text(vm.delay)} behind the one before" if vm.delay else ""
    return f"with the machine{wait}"


def end_of(vm: VmConfig) -> str:
    """What follows the three ends of a guest."""
    ends = {"crash": vm.on_crash, "reboot": vm.on_reboot, "power-off": vm.on_poweroff}
    text = ", ".join(f"{end}: {POLICY.word(policy)}" for end, policy in ends.items())
    limited = RestartPolicy.RESTART in ends.values()
    return text + (f"; at most {vm.restart_limit} restarts in {WAIT.text(vm.restart_window)}" if limited else "")


def time_of_processors(vm: VmConfig) -> str:
    where = f" on processor{'s' if len(vm.cpus) > 1 else ''} {', '.join(map(str, vm.cpus))}" if vm.cpus else ""
    alone = ", which no other VM uses" if vm.exclusive else ""
    if vm.budget is not None and vm.period is not None:
        return f"each {time_text(vm.budget)} in {time_text(vm.period)}{where}{alone}"
    cap = f", at most {vm.cap}% of a processor" if vm.cap is not None else ""
    return f"weight {vm.weight}{cap}{where}{alone}"
