"""Assembly stubs: keystone behind a lint that refuses what it gets wrong, and slots for the linker's relocations.

keystone is imported only here (in `keystone_safe`). Everything that can be an `@fn` or an intrinsic is one; what stays
is entry and exit code, where registers are not the compiler's.
"""
