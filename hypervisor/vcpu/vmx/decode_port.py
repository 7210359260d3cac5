"""I/O instructions (SDM vol. 3C, table 28-5)."""

from __future__ import annotations

from codegen.lang import Gva, fn, u8, u32
from hypervisor.vcpu.exit import ExitKind, PortAccess
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields

PORT_AND_KIND = 0xFFFF_003F  # port number; REP, string, direction, size - 1
STRING = 1 << 4


@fn
def decode_port(vcpu: Vcpu) -> ExitKind:
    """The qualification's halves change places, and adding 1 makes a width of the size (0, 1 or 3: no carry)."""
    qualification = u32.trunc(fields.EXIT_QUALIFICATION.read())
    vcpu.exit.port = PortAccess.of((qualification & PORT_AND_KIND).wrapping_add(1).rotate_left(16))
    vcpu.exit.instruction_length = fields.EXIT_INSTRUCTION_LENGTH.read()
    if qualification & STRING != 0:
        decode_string(vcpu)
    return ExitKind.PORT


@fn(noinline=True)
def decode_string(vcpu: Vcpu) -> None:
    """INS and OUTS: address size and segment from the instruction information (table 28-9), the operand's address."""
    information = fields.EXIT_INSTRUCTION_INFORMATION.read()
    vcpu.exit.port = vcpu.exit.port.replace(
        address_size=u8.trunc(u32(2) << (information >> 7 & 3)), segment=u8.trunc(information >> 15 & 7)
    )
    vcpu.exit.gva = Gva(fields.GUEST_LINEAR_ADDRESS.read())
