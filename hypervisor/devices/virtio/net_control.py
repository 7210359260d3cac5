"""Commands to a network device (virtio 1.2, 5.1.6.5): which frames it takes, and how many queues are in use."""

from __future__ import annotations

from codegen.lang import Array, Field, Local, Struct, at, fn, min, range, sizeof, span_of, u8, u32, u64, usize
from drivers.virtio.net import (
    CONTROL_ERR,
    CONTROL_OK,
    CTRL_RX,
    MAC_TABLE_SET,
    MQ,
    MQ_VQ_PAIRS_SET,
    RX_ALLMULTI,
    RX_PROMISC,
    AddressCount,
    ControlClass,
    ControlCommand,
    PairCount,
)
from hypervisor.devices.virtio.chain import Chain, chain_put, chain_take
from hypervisor.devices.virtio.device import VirtioDevice, device_accepted
from hypervisor.devices.virtio.net_state import PAIRS, NetState, net_want
from hypervisor.devices.virtio.work import Work
from hypervisor.memory.guest import GuestMemory
from hypervisor.net.ethernet import MAC_BYTES, read_mac
from hypervisor.net.filter import ADDRESSES, AddressList

COMMAND_BYTES = sizeof(ControlCommand)


class OneByte(Struct, size=1, align=1):
    """A switch of a command, or the answer."""

    value: Field[u8] = at(0)


class SixBytes(Struct, size=MAC_BYTES, align=1):
    """An address."""

    bytes: Array[u8] = at(0, count=MAC_BYTES)


@fn(cold=True)
def control_work(device: VirtioDevice, chain: Chain, memory: GuestMemory, work: Work) -> bool:
    """A command. False: it is none, as it is too short or has no place for the answer, or is not in RAM."""
    command = Local(ControlCommand)
    if chain.writable == 0 or not chain_take(chain, memory, u64(0), span_of(command)):
        return False
    answer = Local(OneByte)
    answer.value = u8(CONTROL_OK) if obeyed(device, command, chain, memory) else u8(CONTROL_ERR)
    net_want(device.net)
    work.finished = True
    work.written = 1
    return chain_put(chain, memory, u64(0), span_of(answer))


@fn(cold=True)
def obeyed(device: VirtioDevice, command: ControlCommand, chain: Chain, memory: GuestMemory) -> bool:
    """Whether it is a command that the driver may give, and all there."""
    kind = ControlClass.find(command.command_class)
    if kind is None:
        return False
    filters = device_accepted(device, u64(CTRL_RX))
    match kind:
        case ControlClass.RX:
            return filters and set_switch(device.net, command.command, chain, memory)
        case ControlClass.MAC:
            return filters and command.command == MAC_TABLE_SET and set_tables(device.net, chain, memory)
        case ControlClass.MQ:
            several = device_accepted(device, u64(MQ))
            return several and command.command == MQ_VQ_PAIRS_SET and set_pairs(device.net, chain, memory)


@fn(cold=True)
def set_switch(net: NetState, command: u8, chain: Chain, memory: GuestMemory) -> bool:
    """Take everything, or every multicast."""
    on = Local(OneByte)
    if chain.readable < COMMAND_BYTES + 1 or not chain_take(chain, memory, u64(COMMAND_BYTES), span_of(on)):
        return False
    if command == RX_PROMISC:
        net.filter.promiscuous = on.value != 0
    elif command == RX_ALLMULTI:
        net.filter.all_multicast = on.value != 0
    else:
        return False
    return True


@fn(cold=True)
def set_tables(net: NetState, chain: Chain, memory: GuestMemory) -> bool:
    """Both lists of addresses."""
    multicast = read_list(net.filter.unicast, chain, memory, u64(COMMAND_BYTES))
    return multicast is not None and read_list(net.filter.multicast, chain, memory, multicast) is not None


@fn(cold=True)
def read_list(list: AddressList, chain: Chain, memory: GuestMemory, offset: u64) -> u64 | None:
    """The list that begins at `offset` of the command; what follows it begins at the result. None: it is not all
    there; the list is empty then."""
    length = Local(AddressCount)
    list.length = 0
    if not chain_take(chain, memory, offset, span_of(length)):
        return None
    first = offset + sizeof(AddressCount)
    behind = first + u64(length.count) * MAC_BYTES
    if behind > chain.readable:
        return None
    address = Local(SixBytes)
    for i in range(min(length.count, u32(ADDRESSES))):
        if not chain_take(chain, memory, first + u64(i) * MAC_BYTES, span_of(address)):
            return None
        list.addresses[i] = read_mac(span_of(address), usize(0))
    list.length = length.count
    return behind


@fn(cold=True)
def set_pairs(net: NetState, chain: Chain, memory: GuestMemory) -> bool:
    """How many pairs of queues are in use."""
    wanted = Local(PairCount)
    if not chain_take(chain, memory, u64(COMMAND_BYTES), span_of(wanted)):
        return False
    if wanted.pairs == 0 or wanted.pairs > PAIRS:
        return False
    net.pairs = u32(wanted.pairs)
    return True
