"""Who runs where and when. The core knows run queues, entities and nanoseconds that are passed in, so the simulator of
tests/sched runs the same functions; only `loop.py` and `vcpus.py` know vCPUs. docs/scheduler.md has the theory."""
