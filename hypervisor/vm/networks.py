"""The network devices of a VM: their ports, and how VMs tell each other that frames have come."""

from __future__ import annotations

from codegen.lang import fn, min, phys_span, range, u32, u64
from hypervisor.config.manifest import MAC_BYTES, NETS_MAX, NETWORKS_MAX, VLANS_MAX, ManifestNet, ManifestVm
from hypervisor.devices.board import Board, board_devices_changed
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio.net import net_start
from hypervisor.devices.virtio.net_serve import net_frames_came
from hypervisor.devices.virtio.slots import slots_add
from hypervisor.memory.frames import allocate_frames
from hypervisor.memory.owner import guest_control_owner
from hypervisor.net.bucket import bucket_start
from hypervisor.net.ethernet import HEADER_BYTES
from hypervisor.net.port import MEMORY_FRAMES, PORTS, WAITING, SwitchPort
from hypervisor.net.port_life import port_open
from hypervisor.sched.notify import notify
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import SERVE_WORK
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.vm import VMS, VMS_MAX, Vm


@fn(cold=True)
def make_networks(vm: Vm, entry: ManifestVm) -> BootError | None:
    """A port with memory of its own, and a device, for each. The end of the VM takes the memory back with all that the
    monitor keeps of it (`hypervisor/vm/destroy.py`)."""
    for i in range(min(entry.net_count, u32(NETS_MAX))):
        if entry.nets[i].network >= NETWORKS_MAX:
            return BootError.NETWORK_UNKNOWN
        memory = allocate_frames(u32(MEMORY_FRAMES), guest_control_owner(vm.id))
        if memory is None:
            return BootError.NO_HOST_MEMORY
        number = vm.id * NETS_MAX + i
        port = PORTS[number]
        configure_port(port, entry.nets[i])
        port.owner = vm.id
        port.number = i
        with vm.board_lock:
            device = slots_add(vm.board.virtio, vm.board.pci, FunctionKind.NETWORK)
            if device is None:
                return BootError.TOO_MANY_DEVICES
            port_open(number, phys_span(memory, u64(MEMORY_FRAMES * 4096)).address())
            net_start(device, port, min(entry.nets[i].mtu, u32(0xFFFF)))
    return None


@fn(cold=True)
def configure_port(port: SwitchPort, entry: ManifestNet) -> None:
    """As the manifest says."""
    port.network = entry.network
    port.plain_vlan = u32(entry.plain_vlan)
    port.tag_count = min(entry.vlan_count, u32(VLANS_MAX))
    for i in range(u32(VLANS_MAX)):
        port.tags[i] = entry.vlans[i]
    port.mac = 0
    for i in range(u32(MAC_BYTES)):
        port.mac = port.mac << 8 | u64(entry.mac[i])
    port.any_source = entry.flags.any_source
    port.frame_bytes = min(entry.mtu, u32(0xFFFF)) + HEADER_BYTES
    bucket_start(port.limit, entry.rate, entry.burst)


@fn
def frames_wait(vm: Vm) -> bool:
    """Whether something has come to a port of it."""
    return WAITING[vm.id].ports.load() != 0


@fn
def look_for_frames(vm: Vm, board: Board) -> None:
    """What has come is work for the devices of these ports. Who brings something does so before it says so."""
    if not frames_wait(vm):
        return
    waiting = WAITING[vm.id].ports.exchange(u32(0))
    for number in range(board.virtio.device_count):
        device = board.virtio.devices[number]
        port = device.net.port
        if port is not None and waiting >> (port.number & 31) & 1 != 0:
            net_frames_came(device)
    board_devices_changed(board)


@fn
def wake_receivers(woken: u32) -> None:
    """Tell the VMs of these bits that something has come to their ports. They look at it on their own time."""
    while woken != 0:
        number = woken.trailing_zeros()
        woken = woken & (woken - 1)
        if number < VMS_MAX and VMS[number].vcpu_count != 0:
            notify(vcpu_of(VMS[number], u32(0)), SERVE_WORK)
