"""RDMSR and WRMSR: one policy table says what each MSR is; what it does not name is #GP(0) and a rate-limited log
line."""
