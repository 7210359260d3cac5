"""What a build remembers: which part of a file a function depends on, summaries of functions, objects of units.

A function's own text is one thing, everything else that modules say (signatures, layouts, constants, tables, the
values of free variables) is the interface that all functions see. So a changed body costs one function and its units, a
changed interface a new front end; LLVM's products are kept by their text in either case. Cached and clean builds run
the same code on the same decisions, so their images are the same to the byte.
"""
