"""The front end: from Python source to the IR. Parsing, names, types, lowering and the errors that people read.

Knows the build-time objects of `codegen.lang`; knows nothing of LLVM.
"""
