"""Two VMs with two vCPUs each on three processors: the monitor's own functions, around processors that are a model.

After each entry, and wherever `shootdown` says that nobody uses what is gone, no processor may have a translation that
the guest could use and that is no longer true. One with fewer rights than now is allowed: its use is refused first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from codegen.lang import Gpa, Hpa, Hva, address_of, host, u8, u32, u64
from hypervisor.cpu.per_cpu import CPUS, MSR_GS_BASE, per_cpu_start
from hypervisor.devices.lapic.posted import post_init
from hypervisor.exits.control import invalidate_page, write_cr0, write_cr3, write_cr4
from hypervisor.memory.frames import FRAMES, allocate_frames, allocate_runs, frames_start, release_all
from hypervisor.memory.owner import Owner, guest_ram_owner, guest_tables_owner
from hypervisor.memory.second_level import MapError, second_level_map, second_level_unmap
from hypervisor.sched import notify as notify_module
from hypervisor.vcpu.contract import AccessRights, vcpu_cr, vcpu_create
from hypervisor.vcpu.hold import hold, release
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.run import run_slice
from hypervisor.vcpu.running_on import begin_turn, end_turn
from hypervisor.vcpu.vcpu import NOBODY, VcpuState, VcpuWork
from hypervisor.vm import shootdown as shootdown_module
from hypervisor.vm.create import create_tables
from hypervisor.vm.lifecycle import reset_vcpu
from hypervisor.vm.shootdown import shootdown
from hypervisor.vm.startup import serve_startup
from hypervisor.vm.vm import VMS
from tests.played_guest.back_end import back_end
from tests.tlb.tlb import AmdV, Cached, Tlb, VtX, walk

PROCESSORS = 3
VCPUS_OF_VM = 2
SEEDS, STEPS = 8, 100  # of the sequences that all tests run
PAGES = 4  # of each guest-physical and each linear address space
MIB = 1 << 20
FRAME = 4096
RAM = guest_ram_owner(u32(0))
TLB_FLUSH = int(u32(VcpuWork(tlb_flush=True)))
WRITE_PROTECT, GLOBAL_PAGES = 1 << 16, 1 << 7
RIGHTS = (AccessRights.READ, AccessRights.READ_WRITE, AccessRights.READ_WRITE_EXECUTE)


class StaleError(Exception):
    """A guest could use a translation that is not true."""


class StuckError(Exception):
    """A shootdown waits for ever."""


class World:
    """All of it, for one back end. `random` chooses; nothing else varies."""

    def __init__(self, machine: VtX | AmdV, seed: int) -> None:
        self.machine = machine
        self.random = random.Random(seed)
        self.vms = [VMS[0], VMS[1]]
        self.vcpus = [VCPUS[i] for i in range(2 * VCPUS_OF_VM)]
        self.turns: list[Any] = [None] * PROCESSORS
        self.linear: dict[int, dict[int, int]] = {}  # vCPU number: what its page tables say, by page
        self.initiator: int | None = None
        self.waits = 0
        host.reset()
        FRAMES.usable.add(u64(2 * MIB), u64(64 * MIB))
        assert frames_start()
        for cpu in range(PROCESSORS):
            per_cpu_start(u32(cpu))
        machine.start(self.entered)
        self.move_to(0)
        ram = allocate_runs(u64(1), RAM)
        assert ram is not None
        self.ram = ram
        for number, vm in enumerate(self.vms):
            vm.id = number
            vm.vcpu_first, vm.vcpu_count = number * VCPUS_OF_VM, VCPUS_OF_VM
            vm.cpuid.cr4_allowed = u64((1 << 64) - 1)
        for number, vcpu in enumerate(self.vcpus):
            vcpu.vm, vcpu.index = self.vms[number // VCPUS_OF_VM], number % VCPUS_OF_VM
            area = allocate_frames(u32(1), u8(Owner.CONTROL))
            assert area is not None
            vcpu.xstate = Hva(u64(host.memory.address(area, FRAME)))
        self.create(self.vms)
        for tlb in machine.tlbs:
            for vm in self.vms:
                tlb.update(machine.garbage(int(vm.second_level_root)))

    # ---- the processors ----

    def move_to(self, cpu: int) -> None:
        """What follows runs on this processor."""
        self.machine.move_to(cpu)
        host.cpu.msrs[MSR_GS_BASE] = int(address_of(CPUS[cpu]))

    @contextmanager
    def on(self, cpu: int) -> Iterator[None]:
        before = self.machine.cpu
        self.move_to(cpu)
        yield
        self.move_to(before)

    def entered(self, vcpu: Any) -> None:
        """The guest runs: check what it could use, then cache all that there is."""
        self.machine.at_entry(vcpu)
        self.check(vcpu)
        self.fill(vcpu)

    def check(self, vcpu: Any) -> None:
        """Of the processor that this runs on."""
        linear = self.linear[self.number(vcpu)]
        for one in self.machine.usable(vcpu):
            physical = one.physical if one.linear is None else linear.get(one.linear)
            now = None if physical is None else self.second_level(vcpu.vm, physical)
            if now is None or one.frame != now[0] or one.rights & ~now[1]:
                raise StaleError(f"{one}: it is {now} now")

    def fill(self, vcpu: Any) -> None:
        tlb: Tlb = self.machine.tlbs[self.machine.cpu]
        for page in range(PAGES):
            self.cache(tlb, vcpu, None, page)
        for page, physical in self.linear[self.number(vcpu)].items():
            self.cache(tlb, vcpu, page, physical)

    def cache(self, tlb: Tlb, vcpu: Any, linear: int | None, physical: int) -> None:
        found = self.second_level(vcpu.vm, physical)
        if found is not None:
            tlb.add(self.machine.new(vcpu, linear, physical, *found))

    def second_level(self, vm: Any, page: int) -> tuple[int, int] | None:
        return walk(int(vm.second_level_root), page, self.machine.rights)

    def number(self, vcpu: Any) -> int:
        return int(vcpu.vm.vcpu_first + vcpu.index)

    def new_tables(self) -> dict[int, int]:
        """A guest's own page tables."""
        return {page: self.random.randrange(PAGES) for page in range(PAGES)}

    # ---- what happens ----

    def run(self) -> None:
        """A vCPU gets a turn, here or after it has been elsewhere, or goes on with it."""
        self.give_turn(self.random.randrange(PROCESSORS), self.random.choice(self.vcpus))

    def give_turn(self, cpu: int, vcpu: Any) -> None:
        if self.turns[cpu] is not vcpu:
            for other in range(PROCESSORS):
                if self.turns[other] is vcpu or other == cpu:
                    self.end(other)
                if other != cpu:
                    self.unload(other, vcpu)
            with self.on(cpu):
                begin_turn(vcpu)
                hold(vcpu)
            self.turns[cpu] = vcpu
        self.go_on(cpu)

    def go_on(self, cpu: int) -> None:
        with self.on(cpu):
            run_slice(self.turns[cpu])

    def end(self, cpu: int) -> None:
        if self.turns[cpu] is not None:
            with self.on(cpu):
                end_turn(self.turns[cpu])
            self.turns[cpu] = None

    def unload(self, cpu: int, vcpu: Any) -> None:
        if CPUS[cpu].held_vcpu == address_of(vcpu):
            with self.on(cpu):
                release(vcpu)

    def busy(self) -> int | None:
        """A processor on which a guest runs."""
        return self.random.choice([cpu for cpu in range(PROCESSORS) if self.turns[cpu] is not None] or [None])

    def invlpg(self) -> None:
        """The guest changes one of its pages and says so, without an exit."""
        cpu = self.busy()
        if cpu is not None:
            vcpu, page = self.turns[cpu], self.random.randrange(PAGES)
            self.linear[self.number(vcpu)][page] = self.random.randrange(PAGES)
            self.forget_linear(cpu, lambda one: one.linear == page)

    def address_space(self) -> None:
        """MOV CR3, without an exit."""
        cpu = self.busy()
        if cpu is not None:
            self.linear[self.number(self.turns[cpu])] = self.new_tables()
            self.forget_linear(cpu, lambda one: one.linear is not None)

    def forget_linear(self, cpu: int, gone: Callable[[Cached], bool]) -> None:
        with self.on(cpu):
            mine = {one for one in self.machine.usable(self.turns[cpu]) if gone(one)}
            self.machine.tlbs[cpu] -= mine
            self.check(self.turns[cpu])

    def act_of_monitor(self) -> None:
        """The guest changes its page tables and does what drops all of its translations, but the monitor does it."""
        cpu = self.busy()
        if cpu is not None:
            vcpu = self.turns[cpu]
            self.linear[self.number(vcpu)] = self.new_tables()
            with self.on(cpu):
                self.random.choice(
                    [self.cr0_write, self.cr3_write, self.cr4_write, self.page_invalidated, self.init, self.reset]
                )(vcpu)
            self.go_on(cpu)

    def cr0_write(self, vcpu: Any) -> None:
        write_cr0(vcpu, vcpu_cr(vcpu, u32(0)) ^ WRITE_PROTECT)

    def cr3_write(self, vcpu: Any) -> None:
        write_cr3(vcpu, u64(self.random.randrange(PAGES) * FRAME))

    def cr4_write(self, vcpu: Any) -> None:
        write_cr4(vcpu, vcpu_cr(vcpu, u32(4)) ^ GLOBAL_PAGES)

    def page_invalidated(self, vcpu: Any) -> None:
        invalidate_page(vcpu)

    def init(self, vcpu: Any) -> None:
        post_init(vcpu.lapic.posted)
        assert serve_startup(vcpu)
        vcpu.state = VcpuState.RUNNABLE

    def reset(self, vcpu: Any) -> None:
        reset_vcpu(vcpu)
        hold(vcpu)
        vcpu.state, vcpu.deadline = VcpuState.RUNNABLE, 1 << 60

    def add(self) -> None:
        """A page appears, or gets more rights: nobody is told."""
        vm, page = self.random.choice(self.vms), self.random.randrange(PAGES)
        old = self.second_level(vm, page)
        self.map(vm, page, self.some_frame() if old is None else Hpa(u64(old[0])), AccessRights.READ_WRITE_EXECUTE)

    def take(self) -> None:
        """A page goes, loses rights, or becomes another; then its frame may be used again."""
        cpu = self.random.randrange(PROCESSORS)
        vm, page = self.random.choice(self.vms), self.random.randrange(PAGES)
        old = self.second_level(vm, page)
        with self.on(cpu):
            if old is None or self.random.random() < 0.4:
                assert second_level_unmap(vm.second_level_root, self.gpa(page), u64(FRAME), self.tables(vm)) is None
            elif self.random.random() < 0.5:
                self.map(vm, page, Hpa(u64(old[0])), AccessRights.READ)
            else:
                self.map(vm, page, self.some_frame(), self.random.choice(RIGHTS))
            self.waits, self.initiator = 0, cpu
            shootdown(vm)
            self.initiator = None
        for other in range(PROCESSORS):
            if other != cpu and self.turns[other] is not None:
                with self.on(other):
                    self.check(self.turns[other])
        if self.turns[cpu] is not None:
            self.go_on(cpu)

    def wait(self) -> None:
        """`pause` of whoever waits in a shootdown: the others get their interrupts."""
        self.waits += 1
        if self.waits > 10:
            raise StuckError
        for cpu in range(PROCESSORS):
            vcpu = self.turns[cpu]
            if cpu != self.initiator and vcpu is not None and int(vcpu.work.load()) & TLB_FLUSH:
                if self.random.random() < 0.8:
                    self.go_on(cpu)
                else:
                    self.end(cpu)

    def recreate(self) -> None:
        """Both VMs are destroyed and made anew; each gets the other one's root frame, ASIDs and VPIDs start over."""
        for cpu in range(PROCESSORS):
            self.end(cpu)
            for vcpu in self.vcpus:
                self.unload(cpu, vcpu)
        roots = [int(vm.second_level_root) for vm in self.vms]
        for vm in self.vms:
            release_all(self.tables(vm))
        first = self.vms[roots[0] < roots[1]]
        self.create([first, *(vm for vm in self.vms if vm is not first)])
        assert [int(vm.second_level_root) for vm in self.vms] == roots[::-1]

    def create(self, vms: list[Any]) -> None:
        release_all(u8(Owner.MONITOR))
        for vm in vms:
            assert create_tables(vm)
        for vm in vms:
            for page in range(PAGES):
                self.map(vm, page, self.some_frame(), AccessRights.READ_WRITE_EXECUTE)
        for number, vcpu in enumerate(self.vcpus):
            control = allocate_frames(u32(4), u8(Owner.MONITOR))
            assert control is not None
            vcpu.running_on.store(NOBODY)
            vcpu.held_by.store(NOBODY)
            hold(vcpu)
            vcpu_create(vcpu, control, vcpu.vm.second_level_root)
            vcpu.state, vcpu.deadline = VcpuState.RUNNABLE, 1 << 60
            self.linear[number] = self.new_tables()
        for vcpu in self.vcpus:
            self.unload(self.machine.cpu, vcpu)

    def map(self, vm: Any, page: int, frame: Any, rights: AccessRights) -> None:
        made = second_level_map(vm.second_level_root, self.gpa(page), frame, u64(FRAME), rights, RAM, self.tables(vm))
        assert not isinstance(made, MapError)

    def some_frame(self) -> Any:
        return self.ram + u64(self.random.randrange(8) * FRAME)

    def gpa(self, page: int) -> Any:
        return Gpa(u64(page * FRAME))

    def tables(self, vm: Any) -> Any:
        return guest_tables_owner(vm.id)

    def live(self) -> None:
        """STEPS of these, at random."""
        acts = (self.run, self.invlpg, self.address_space, self.act_of_monitor, self.add, self.take, self.recreate)
        for _ in range(STEPS):
            self.random.choices(acts, (12, 3, 2, 4, 3, 5, 0.5))[0]()


MACHINES: dict[str, Callable[[], VtX | AmdV]] = {
    "vt-x": lambda: VtX([set() for _ in range(PROCESSORS)]),
    "amd-v": lambda: AmdV([set() for _ in range(PROCESSORS)]),
    "amd-v without flush by ASID": lambda: AmdV([set() for _ in range(PROCESSORS)], by_asid=False),
}


@contextmanager
def world(name: str, seed: int) -> Iterator[World]:
    """A fresh one; until the block ends the contract is its back end's."""
    machine = MACHINES[name]()
    with ExitStack() as stack:
        stack.enter_context(back_end(machine.package))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        stack.callback(machine.stop)
        made = World(machine, seed)
        patch.setattr(shootdown_module, "pause", lambda: made.wait())
        patch.setattr(notify_module, "send_kick", lambda cpu: None)  # who is to look, looks in `wait`
        yield made
