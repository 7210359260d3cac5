"""The typed intermediate representation: what the front end produces, the verifier checks and the back end prints.

Nothing here knows Python's syntax or LLVM's.
"""
