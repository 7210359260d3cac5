"""A guest kernel with four processors: what SMP software relies on, checked from inside on both hosts.

Processor 0 makes every check and reports it as the other guests do; the others do tasks (`task.py`).
"""
