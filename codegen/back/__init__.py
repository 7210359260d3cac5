"""From the IR to machine code: LLVM text, debug information, targets, objects and the host's native execution.

llvmlite is imported only here, and only its `binding`; the LLVM text is our own. No knowledge of Python's syntax.
"""
