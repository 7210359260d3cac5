"""The work of a VM's virtio devices, on the time of the vCPU that has told them of it, a bounded piece in each turn."""

from __future__ import annotations

from codegen.lang import fn, range, u16, u32
from drivers.interrupt.lapic import InterruptCommand
from drivers.interrupt.message import MESSAGE_PREFIX, MessageAddress, MessageData
from drivers.pci.msix import MsixEntry
from hypervisor.console.log import log
from hypervisor.devices.board import Board, board_devices_changed
from hypervisor.devices.lapic.command import wide_destination
from hypervisor.devices.pci.function import PciFunction
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio.device import VirtioDevice
from hypervisor.devices.virtio.layout import VECTORS
from hypervisor.devices.virtio.net_serve import net_serve
from hypervisor.devices.virtio.serve import device_serve
from hypervisor.devices.virtio.slots import DEVICES, FIRST_SLOT, function_of, slots_ready
from hypervisor.time.clock import clock_now
from hypervisor.vcpu.vcpu import SERVE_WORK, Vcpu
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.messages import NOBODY, deliver_message
from hypervisor.vm.networks import frames_wait, look_for_frames, wake_receivers
from hypervisor.vm.vm import Vm, may_log


@fn
def has_device_work(vm: Vm) -> bool:
    """Read without the lock: what comes later is looked at by who brings it."""
    return vm.board.work.load() != 0 or frames_wait(vm)


@fn(noinline=True)
def work_devices(vcpu: Vcpu) -> None:
    """What is left from earlier turns, and what others have brought."""
    with vcpu.vm.board_lock:
        look_for_frames(vcpu.vm, vcpu.vm.board)
        serve_devices(vcpu, vcpu.vm.board)


@fn(noinline=True)
def serve_devices(vcpu: Vcpu, board: Board) -> None:
    """A burst of each device that has work, and the interrupts that follow. If there is more, the vCPU leaves its guest
    for it."""
    vm = vcpu.vm
    vm.disk_server.store(vcpu.index)
    work = board.work.load()
    while work != 0:
        number = work.trailing_zeros() & (DEVICES - 1)
        work = work & (work - 1)
        function = function_of(board.pci, number)
        if serve_device(vm, board, board.virtio.devices[number], function) and may_log(vm):
            log(f"{vm.name_span()}: the driver of PCI device {number + FIRST_SLOT} broke its queue: it needs a reset")
    board_devices_changed(board)
    board.devices_wait = False
    send_device_messages(vm, board)
    send_interrupts(vm, board)
    if board.work.load() != 0:
        vcpu.work.fetch_or(SERVE_WORK)


@fn
def serve_device(vm: Vm, board: Board, device: VirtioDevice, function: PciFunction) -> bool:
    """A burst of one device; whether its driver has broken the rules."""
    if function.kind != FunctionKind.NETWORK:
        return device_serve(device, function, vm.memory, board.virtio.chain)
    broken = net_serve(device, function, vm.memory, board.virtio.chain, clock_now())
    woken = device.net.woken
    device.net.woken = 0
    wake_receivers(woken)
    return broken


@fn
def send_device_messages(vm: Vm, board: Board) -> None:
    """Every MSI-X vector that waits and is not masked."""
    for number in range(board.virtio.device_count):
        vectors = board.virtio.devices[number].vectors
        ready = slots_ready(board.virtio, board.pci, number)
        vectors.pending = vectors.pending & ~ready
        while ready != 0:
            entry = vectors.entries[ready.trailing_zeros() & (VECTORS - 1)]
            ready = ready & (ready - 1)
            send_message(vm, entry)


@fn
def send_message(vm: Vm, entry: MsixEntry) -> None:
    """The write that the device would make. To ordinary memory it is lost: no driver wants that."""
    address = MessageAddress.of(u32.trunc(entry.address))
    if entry.address >> 32 != 0 or address.prefix != u16(MESSAGE_PREFIX):
        return
    data = MessageData.of(entry.data)
    message = InterruptCommand(
        vector=data.vector,
        delivery=data.delivery,
        logical=address.logical,
        destination=wide_destination(u32(address.destination)),
    )
    deliver_message(vm, message, data.level, except_for=u32(NOBODY))
