"""The local APIC that a vCPU sees (SDM vol. 3A, ch. 11), in xAPIC and x2APIC mode. It knows neither the VM nor the
vCPU: what must happen outside the chip is returned as a `LapicEffect`, and `hypervisor/vm/lapic_effects.py` does it."""
