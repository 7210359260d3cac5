"""When a processor has to wake which sleeping vCPU: a tournament over all vCPUs of the pool.

Each inner node holds the earlier deadline of its two children, so setting one costs as many steps as the tree has
levels and finding the next one none, however many vCPUs sleep. A processor's tree is its own; a vCPU that was woken in
another way and runs elsewhere leaves a deadline behind, which wakes it once for nothing.
"""

from __future__ import annotations

from codegen.lang import Array, Struct, count, fn, min, range, u32, u64
from hypervisor.vcpu.pool import VCPUS_MAX

NEVER = 0xFFFF_FFFF_FFFF_FFFF
assert VCPUS_MAX & (VCPUS_MAX - 1) == 0


class Deadlines(Struct):
    """Node 1 is the root, the children of node n are 2n and 2n + 1, vCPU number v is node VCPUS_MAX + v."""

    nodes: Array[u64] = count(2 * VCPUS_MAX)  # host TSC, or NEVER


@fn(cold=True)
def deadlines_start(deadlines: Deadlines) -> None:
    """Nobody waits."""
    for i in range(u32(2 * VCPUS_MAX)):
        deadlines.nodes[i] = NEVER


@fn
def deadline_set(deadlines: Deadlines, number: u32, tsc: u64) -> None:
    """vCPU `number` (below VCPUS_MAX) is to be woken when the host's TSC reads `tsc`, NEVER for not at all."""
    node = (number & (VCPUS_MAX - 1)) + VCPUS_MAX
    deadlines.nodes[node] = tsc
    while node > 1:
        deadlines.nodes[node >> 1] = min(deadlines.nodes[node], deadlines.nodes[node ^ 1])
        node = node >> 1


@fn
def deadline_next(deadlines: Deadlines) -> u64:
    """The earliest one; NEVER when nobody waits."""
    return deadlines.nodes[1]


@fn
def deadline_owner(deadlines: Deadlines) -> u32:
    """The vCPU with the earliest deadline; only when somebody waits."""
    node = u32(1)
    while node < VCPUS_MAX:
        node = node * 2
        if deadlines.nodes[node] > deadlines.nodes[node + 1]:
            node = node + 1
    return node - VCPUS_MAX
