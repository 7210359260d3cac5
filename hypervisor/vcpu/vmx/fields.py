"""The VMCS fields that Keelback uses, each declared once (SDM vol. 3C, appendix B), in the order of the manual."""

from __future__ import annotations

from hypervisor.vcpu.vmx.field import address64, field16, field32, field64, natural

# 16-bit control and host-state fields
VPID = field16(0x0000)
HOST_ES = field16(0x0C00)
HOST_CS = field16(0x0C02)
HOST_SS = field16(0x0C04)
HOST_DS = field16(0x0C06)
HOST_FS = field16(0x0C08)
HOST_GS = field16(0x0C0A)
HOST_TR = field16(0x0C0C)

# Guest segment registers: ES CS SS DS FS GS LDTR TR (GDTR IDTR), two apart, as in SegmentName
GUEST_SELECTORS = 0x0800
GUEST_LIMITS = 0x4800
GUEST_RIGHTS = 0x4814
GUEST_BASES = 0x6806
GUEST_CS_RIGHTS = field32(0x4816)
GUEST_SS_RIGHTS = field32(0x4818)
GUEST_TR_RIGHTS = field32(0x4822)
GUEST_FS_BASE = natural(0x680E)
GUEST_GS_BASE = natural(0x6810)

# 64-bit control fields
MSR_BITMAP = address64(0x2004)
EXIT_MSR_STORE = address64(0x2006)
EXIT_MSR_LOAD = address64(0x2008)
ENTRY_MSR_LOAD = address64(0x200A)
TSC_OFFSET = field64(0x2010)
EPT_POINTER = field64(0x201A)
XSS_EXITING_BITMAP = field64(0x202C)

# 64-bit exit information, guest state and host state
GUEST_PHYSICAL_ADDRESS = field64(0x2400)
VMCS_LINK_POINTER = field64(0x2800)
GUEST_DEBUGCTL = field64(0x2802)
GUEST_PAT = field64(0x2804)
GUEST_EFER = field64(0x2806)
GUEST_PDPTE0 = field64(0x280A)
GUEST_PDPTE1 = field64(0x280C)
GUEST_PDPTE2 = field64(0x280E)
GUEST_PDPTE3 = field64(0x2810)
HOST_PAT = field64(0x2C00)
HOST_EFER = field64(0x2C02)

# 32-bit control fields
PIN_CONTROLS = field32(0x4000)
PRIMARY_CONTROLS = field32(0x4002)
EXCEPTION_BITMAP = field32(0x4004)
PAGE_FAULT_MASK = field32(0x4006)
PAGE_FAULT_MATCH = field32(0x4008)
CR3_TARGET_COUNT = field32(0x400A)
EXIT_CONTROLS = field32(0x400C)
EXIT_MSR_STORE_COUNT = field32(0x400E)
EXIT_MSR_LOAD_COUNT = field32(0x4010)
ENTRY_CONTROLS = field32(0x4012)
ENTRY_MSR_LOAD_COUNT = field32(0x4014)
ENTRY_INTERRUPTION = field32(0x4016)
ENTRY_ERROR_CODE = field32(0x4018)
ENTRY_INSTRUCTION_LENGTH = field32(0x401A)
SECONDARY_CONTROLS = field32(0x401E)

# 32-bit exit information
INSTRUCTION_ERROR = field32(0x4400)
EXIT_REASON = field32(0x4402)
EXIT_INTERRUPTION = field32(0x4404)
EXIT_ERROR_CODE = field32(0x4406)
IDT_VECTORING = field32(0x4408)
IDT_VECTORING_ERROR_CODE = field32(0x440A)
EXIT_INSTRUCTION_LENGTH = field32(0x440C)
EXIT_INSTRUCTION_INFORMATION = field32(0x440E)

# 32-bit guest state and host state
GUEST_INTERRUPTIBILITY = field32(0x4824)
GUEST_ACTIVITY = field32(0x4826)
GUEST_SYSENTER_CS = field32(0x482A)
PREEMPTION_TIMER = field32(0x482E)
HOST_SYSENTER_CS = field32(0x4C00)

# Natural-width control fields
CR0_MASK = natural(0x6000)
CR4_MASK = natural(0x6002)
CR0_SHADOW = natural(0x6004)
CR4_SHADOW = natural(0x6006)

# Natural-width exit information
EXIT_QUALIFICATION = natural(0x6400)
GUEST_LINEAR_ADDRESS = natural(0x640A)

# Natural-width guest state
GUEST_CR0 = natural(0x6800)
GUEST_CR3 = natural(0x6802)
GUEST_CR4 = natural(0x6804)
GUEST_DR7 = natural(0x681A)
GUEST_RSP = natural(0x681C)
GUEST_RIP = natural(0x681E)
GUEST_RFLAGS = natural(0x6820)
GUEST_PENDING_DEBUG = natural(0x6822)
GUEST_SYSENTER_ESP = natural(0x6824)
GUEST_SYSENTER_EIP = natural(0x6826)

# Natural-width host state
HOST_CR0 = natural(0x6C00)
HOST_CR3 = natural(0x6C02)
HOST_CR4 = natural(0x6C04)
HOST_FS_BASE = natural(0x6C06)
HOST_GS_BASE = natural(0x6C08)
HOST_TR_BASE = natural(0x6C0A)
HOST_GDTR_BASE = natural(0x6C0C)
HOST_IDTR_BASE = natural(0x6C0E)
HOST_SYSENTER_ESP = natural(0x6C10)
HOST_SYSENTER_EIP = natural(0x6C12)
HOST_RSP = natural(0x6C14)
HOST_RIP = natural(0x6C16)
