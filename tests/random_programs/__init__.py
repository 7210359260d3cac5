"""Random programs of the language, run by CPython, by native code and by optimised native code, which must agree.

`python -m tests.random_programs SEED` runs the program of one seed and shrinks it when the executions differ.
"""
