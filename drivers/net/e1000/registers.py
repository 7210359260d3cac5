"""Registers of the e1000 in its first BAR (8254x, table 13-3; 82574, table 85), those that Linux's drivers touch.

Those that only the 82574 has are marked. Registers of queue 1 lie 100h behind those of queue 0.
"""

from __future__ import annotations

from codegen.lang import RO, WO, MmioBlock, PortBlock, Reg, RegArray, at, u32
from drivers.net.e1000.register_bits import (
    E1000AddressHigh,
    E1000Cause,
    E1000Control,
    E1000EepromControl,
    E1000ExtendedControl,
    E1000Gap,
    E1000Management,
    E1000Mdic,
    E1000NvmOwner,
    E1000ReceiveChecksum,
    E1000ReceiveControl,
    E1000Status,
    E1000TransmitControl,
    E1000TransmitThresholds,
)

REGISTER_BYTES = 0x20000
MULTICAST_WORDS, VLAN_WORDS, ADDRESSES = 128, 128, 16
STATISTICS, STATISTICS_WORDS = 0x4000, 78  # statistics.py


class E1000Registers(MmioBlock, size=REGISTER_BYTES):
    """The manuals' names; where ours say more, theirs stand behind."""

    control: Reg[E1000Control] = at(0x0000)  # CTRL
    control_again: Reg[E1000Control] = at(0x0004)  # CTRL_DUP
    status: Reg[E1000Status] = at(0x0008, access=RO)
    eecd: Reg[E1000EepromControl] = at(0x0010)
    eerd: Reg[u32] = at(0x0014)  # E1000EepromRead, E1000NvmRead
    extended_control: Reg[E1000ExtendedControl] = at(0x0018)  # CTRL_EXT
    fla: Reg[u32] = at(0x001C)
    mdic: Reg[E1000Mdic] = at(0x0020)
    sctl: Reg[u32] = at(0x0024)
    fcal: Reg[u32] = at(0x0028)
    fcah: Reg[u32] = at(0x002C)
    fct: Reg[u32] = at(0x0030)
    vet: Reg[u32] = at(0x0038)
    icr: Reg[E1000Cause] = at(0x00C0)  # reading acknowledges
    itr: Reg[u32] = at(0x00C4)  # 256 ns between interrupts
    ics: Reg[E1000Cause] = at(0x00C8, access=WO)
    ims: Reg[E1000Cause] = at(0x00D0)
    imc: Reg[E1000Cause] = at(0x00D8, access=WO)
    eiac: Reg[u32] = at(0x00DC)  # 82574, as the next three
    iam: Reg[u32] = at(0x00E0)
    ivar: Reg[u32] = at(0x00E4)
    eitr: RegArray[u32] = at(0x00E8, count=5, stride=4)
    receive_control: Reg[E1000ReceiveControl] = at(0x0100)  # RCTL
    fcttv: Reg[u32] = at(0x0170)
    txcw: Reg[u32] = at(0x0178)
    rxcw: Reg[u32] = at(0x0180, access=RO)
    transmit_control: Reg[E1000TransmitControl] = at(0x0400)  # TCTL
    tctl_ext: Reg[u32] = at(0x0404)
    tipg: Reg[E1000Gap] = at(0x0410)
    tbt: Reg[u32] = at(0x0448)
    ait: Reg[u32] = at(0x0458)
    ledctl: Reg[u32] = at(0x0E00)
    extcnf_ctrl: Reg[E1000NvmOwner] = at(0x0F00)  # 82574, as the next two
    extcnf_size: Reg[u32] = at(0x0F08)
    phy_ctrl: Reg[u32] = at(0x0F10)
    pba: Reg[u32] = at(0x1000)
    pbs: Reg[u32] = at(0x1008)
    eemngctl: Reg[u32] = at(0x1010)  # 82574, as the next seven
    flasht: Reg[u32] = at(0x1028)
    eewr: Reg[u32] = at(0x102C)
    flswctl: Reg[u32] = at(0x1030)
    flswdata: Reg[u32] = at(0x1034)
    flswcnt: Reg[u32] = at(0x1038)
    flop: Reg[u32] = at(0x103C)
    pba_ecc: Reg[u32] = at(0x1100)
    ert: Reg[u32] = at(0x2008)
    fcrtl: Reg[u32] = at(0x2160)
    fcrth: Reg[u32] = at(0x2168)
    psrctl: Reg[u32] = at(0x2170)
    rdfh: Reg[u32] = at(0x2410)
    rdft: Reg[u32] = at(0x2418)
    rdfhs: Reg[u32] = at(0x2420)
    rdfts: Reg[u32] = at(0x2428)
    rdfpc: Reg[u32] = at(0x2430)
    rdbal: RegArray[u32] = at(0x2800, count=2, stride=0x100)
    rdbah: RegArray[u32] = at(0x2804, count=2, stride=0x100)
    rdlen: RegArray[u32] = at(0x2808, count=2, stride=0x100)
    rdh: RegArray[u32] = at(0x2810, count=2, stride=0x100)
    rdt: RegArray[u32] = at(0x2818, count=2, stride=0x100)
    rdtr: Reg[u32] = at(0x2820)
    rxdctl: RegArray[u32] = at(0x2828, count=2, stride=0x100)
    radv: Reg[u32] = at(0x282C)
    rsrpd: Reg[u32] = at(0x2C00)
    cpuvec: Reg[u32] = at(0x2C10)  # 82574
    txdmac: Reg[u32] = at(0x3000)
    tdfh: Reg[u32] = at(0x3410)
    tdft: Reg[u32] = at(0x3418)
    tdfhs: Reg[u32] = at(0x3420)
    tdfts: Reg[u32] = at(0x3428)
    tdfpc: Reg[u32] = at(0x3430)
    tdbal: RegArray[u32] = at(0x3800, count=2, stride=0x100)
    tdbah: RegArray[u32] = at(0x3804, count=2, stride=0x100)
    tdlen: RegArray[u32] = at(0x3808, count=2, stride=0x100)
    tdh: RegArray[u32] = at(0x3810, count=2, stride=0x100)
    tdt: RegArray[u32] = at(0x3818, count=2, stride=0x100)
    tidv: Reg[u32] = at(0x3820)
    txdctl: RegArray[E1000TransmitThresholds] = at(0x3828, count=2, stride=0x100)
    tadv: Reg[u32] = at(0x382C)
    tspmt: Reg[u32] = at(0x3830)
    tarc: RegArray[u32] = at(0x3840, count=2, stride=0x100)  # 82574
    statistics: RegArray[u32] = at(STATISTICS, count=STATISTICS_WORDS, stride=4)  # reading clears
    rxcsum: Reg[E1000ReceiveChecksum] = at(0x5000)
    rfctl: Reg[u32] = at(0x5008)
    mavtv: RegArray[u32] = at(0x5010, count=4, stride=4)  # 82574
    mta: RegArray[u32] = at(0x5200, count=MULTICAST_WORDS, stride=4)
    ral: RegArray[u32] = at(0x5400, count=ADDRESSES, stride=8)
    rah: RegArray[E1000AddressHigh] = at(0x5404, count=ADDRESSES, stride=8)
    vfta: RegArray[u32] = at(0x5600, count=VLAN_WORDS, stride=4)
    wuc: Reg[u32] = at(0x5800)
    wufc: Reg[u32] = at(0x5808)
    wus: Reg[u32] = at(0x5810)
    mrqc: Reg[u32] = at(0x5818)  # 82574
    management: Reg[E1000Management] = at(0x5820)  # MANC
    mfutp: RegArray[u32] = at(0x5828, count=2, stride=4)  # 82574
    ipav: Reg[u32] = at(0x5838)
    ip4at: RegArray[u32] = at(0x5840, count=4, stride=8)
    manc2h: Reg[u32] = at(0x5860)
    rssim: Reg[u32] = at(0x5864)
    rssir: Reg[u32] = at(0x5868)
    ip6at: RegArray[u32] = at(0x5880, count=4, stride=4)
    mdef: RegArray[u32] = at(0x5890, count=8, stride=4)
    wupl: Reg[u32] = at(0x5900)
    wupm: RegArray[u32] = at(0x5A00, count=32, stride=4)
    gcr: Reg[u32] = at(0x5B00)  # 82574, as all up to `rssrk`
    funcag: Reg[u32] = at(0x5B08)
    gscl: RegArray[u32] = at(0x5B10, count=4, stride=4)
    factps: Reg[u32] = at(0x5B30)
    swsm: Reg[u32] = at(0x5B50)
    fwsm: Reg[u32] = at(0x5B54)
    swsm2: Reg[u32] = at(0x5B58)
    sw_fw_sync: Reg[u32] = at(0x5B5C)
    gcr2: Reg[u32] = at(0x5B64)
    pbaclr: Reg[u32] = at(0x5B68)
    reta: RegArray[u32] = at(0x5C00, count=32, stride=4)
    rssrk: RegArray[u32] = at(0x5C80, count=10, stride=4)
    fflt: RegArray[u32] = at(0x5F00, count=4, stride=8)
    hicr: Reg[u32] = at(0x8F00)
    ffmt: RegArray[u32] = at(0x9000, count=128, stride=8)
    ffvt: RegArray[u32] = at(0x9800, count=128, stride=8)
    systiml: Reg[u32] = at(0xB600)  # 82574, as all that follow
    systimh: Reg[u32] = at(0xB604)
    timinca: Reg[u32] = at(0xB608)
    tsynctxctl: Reg[u32] = at(0xB614)
    txstmpl: Reg[u32] = at(0xB618)
    txstmph: Reg[u32] = at(0xB61C)
    tsyncrxctl: Reg[u32] = at(0xB620)
    rxstmpl: Reg[u32] = at(0xB624)
    rxstmph: Reg[u32] = at(0xB628)
    rxmtrl: Reg[u32] = at(0xB634)
    rxudp: Reg[u32] = at(0xB638)


class E1000Ports(PortBlock, size=8):
    """The I/O BAR (8254x 13.2.2): the same registers, one by one."""

    address: Reg[u32] = at(0)
    data: Reg[u32] = at(4)
