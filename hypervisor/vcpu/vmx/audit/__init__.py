"""The auditor: every check that a VM entry makes (SDM vol. 3C, 27.2 and 27.3) as a rule that names itself.

Checks of features that Keelback never enables (SMM, SGX, CET, MPX, PT, virtual APIC, posted interrupts, shadow VMCS, VM
functions, sub-page permissions) reduce to one rule each: that they are off, because their controls are not set.
"""
