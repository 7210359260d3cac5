"""Reading machine code back: what was really generated, function by function. Only this package imports capstone.

Nothing of it runs in a build: the tests judge images by it, and listings and the report on stacks are made of it.
"""
