"""Division of a program into units that are compiled by themselves, so that a change costs the units that it touches.

A function that all ways reach through one other belongs to that one's unit: LLVM then sees every call of it, inlines it
where it is called once, and drops it. These groups are the subtrees right below the root of the dominator tree of the
call graph (Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", 2001). Small functions are copied into
every unit that calls them, for inlining only, and larger ones where hot functions call them.

Cold code has units of its own, which are made small and quickly: only what is always inlined is copied there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codegen.ir.summary import Summary

UNIT_SIZE = 2500
"""Nodes of the IR: a fraction of a second of LLVM's time."""

COPIED_SIZE = 20
HOT_COPIED_SIZE = 120
"""Nodes of the IR up to which a function is copied for any caller, and for hot ones; a function that is always inlined
has no limit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """`own` functions are compiled here, of which other units refer to `shared`; `copies` belong to other units."""

    name: str
    own: tuple[str, ...]
    copies: tuple[str, ...]
    shared: frozenset[str]


def partition(functions: Mapping[str, Summary], entries: Iterable[str]) -> list[Unit]:
    """The units of all functions that the entries reach, in a fixed order; every entry is shared.

    The result depends on nothing but the arguments, and a function's place on little more than its callers.
    """
    graph = {symbol: [c for c in each.calls if c in functions] for symbol, each in functions.items()}
    groups = dominated_groups(graph, functions, sorted(entries))
    warm = [group for group in groups if not functions[group[0]].cold]
    cold = [group for group in groups if functions[group[0]].cold]
    packed = pack("", warm, functions) if warm else []
    packed += [(f"cold {name}", members) for name, members in pack("", cold, functions)] if cold else []
    unit_of = {symbol: name for name, members in packed for symbol in members}
    hot = hot_functions(graph, functions)
    copies = {name: copied(members, graph, functions, hot, unit_of, name) for name, members in packed}
    shared = set(entries)
    for name, members in packed:
        for symbol in (*members, *copies[name]):
            shared.update(callee for callee in graph[symbol] if unit_of[callee] != name)
    return [Unit(name, tuple(own), copies[name], frozenset(shared.intersection(own))) for name, own in packed]


def copied(
    members: Sequence[str],
    graph: Mapping[str, list[str]],
    functions: Mapping[str, Summary],
    hot: set[str],
    unit_of: Mapping[str, str],
    unit: str,
) -> tuple[str, ...]:
    """The functions of other units of which these want copies, directly or through one another."""
    found: set[str] = set()
    waiting = list(members)
    all_cold = all(functions[symbol].cold for symbol in members)
    while waiting:
        caller = waiting.pop()
        for callee in graph[caller]:
            if callee in found or unit_of[callee] == unit:
                continue
            if is_copied(functions[callee], all_cold) or caller in hot and callee in hot:
                found.add(callee)
                waiting.append(callee)
    return tuple(sorted(found))


def is_copied(function: Summary, into_cold: bool) -> bool:
    """Whether a function is worth a copy for inlining in a unit that calls it."""
    small = not (function.noinline or function.cold) and function.size <= COPIED_SIZE
    return function.inline or small and not into_cold


def hot_functions(graph: Mapping[str, list[str]], functions: Mapping[str, Summary]) -> set[str]:
    """Those declared hot, and those that may be inlined into them."""
    found = {symbol for symbol, function in functions.items() if function.hot}
    waiting = list(found)
    while waiting:
        for callee in graph[waiting.pop()]:
            function = functions[callee]
            apart = function.noinline or function.cold or function.size > HOT_COPIED_SIZE
            if callee not in found and (function.inline or not apart):
                found.add(callee)
                waiting.append(callee)
    return found


# ---- groups that one function dominates


def dominated_groups(
    graph: Mapping[str, list[str]], functions: Mapping[str, Summary], entries: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """(leader, members with the leader first): the dominator tree below the root, cut where a subtree is too large, and
    above cold code that others reach: all that only cold code reaches is cold."""
    order = reverse_postorder(graph, entries)
    parents = immediate_dominators(graph, entries, order)
    children: dict[str, list[str]] = defaultdict(list)
    for symbol in order:
        if functions[symbol].cold and (parent := parents[symbol]) and not functions[parent].cold:
            parents[symbol] = ""
        children[parents[symbol]].append(symbol)
    leaders = set(children[""]) | cut_subtrees(order, children, functions)
    groups: dict[str, list[str]] = {}
    leader_of: dict[str, str] = {}
    for symbol in order:  # a dominator comes before what it dominates
        leader = leader_of[symbol] = symbol if symbol in leaders else leader_of[parents[symbol]]
        groups.setdefault(leader, []).append(symbol)
    return list(groups.items())


def cut_subtrees(order: Sequence[str], children: Mapping[str, list[str]], functions: Mapping[str, Summary]) -> set[str]:
    """Leaders of the largest subtrees, cut off until no group of several functions is larger than a unit."""
    leaders: set[str] = set()
    total: dict[str, int] = {}
    for symbol in reversed(order):
        parts = sorted(children.get(symbol, ()), key=lambda part: (total[part], part))
        total[symbol] = functions[symbol].size + sum(total[part] for part in parts)
        while total[symbol] > UNIT_SIZE and parts:
            largest = parts.pop()
            leaders.add(largest)
            total[symbol] -= total[largest]
    return leaders


def reverse_postorder(graph: Mapping[str, list[str]], entries: Sequence[str]) -> list[str]:
    """Every reached function before its callees, but for cycles, of which a program has none."""
    done: list[str] = []
    seen: set[str] = set()
    for entry in entries:
        if entry in seen:
            continue
        seen.add(entry)
        path = [(entry, iter(graph[entry]))]
        while path:
            symbol, following = path[-1]
            callee = next((each for each in following if each not in seen), None)
            if callee is None:
                done.append(symbol)
                path.pop()
            else:
                seen.add(callee)
                path.append((callee, iter(graph[callee])))
    return done[::-1]


def immediate_dominators(
    graph: Mapping[str, list[str]], entries: Sequence[str], order: Sequence[str]
) -> dict[str, str]:
    """By symbol; "" is the root, which calls the entries. One pass suffices, as the graph has no cycles."""
    depth = {"": 0}
    parents: dict[str, str] = {}
    callers: dict[str, list[str]] = defaultdict(list)
    for symbol in order:
        for callee in graph[symbol]:
            callers[callee].append(symbol)
    roots = set(entries)
    for symbol in order:
        nearest = "" if symbol in roots else callers[symbol][0]
        for caller in callers[symbol] if nearest else ():
            while nearest != caller:
                if depth[nearest] >= depth[caller]:
                    nearest = parents[nearest]
                else:
                    caller = parents[caller]
        parents[symbol] = nearest
        depth[symbol] = depth[nearest] + 1
    return parents


# ---- units of groups


def pack(
    folder: str, groups: list[tuple[str, list[str]]], functions: Mapping[str, Summary]
) -> list[tuple[str, list[str]]]:
    """(unit name, members): whole folders where they are small enough, else their parts; small parts go together."""
    if weight(groups, functions) <= UNIT_SIZE:
        return [(folder or "all", members_of(groups))]
    parts: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for group in groups:
        rest = functions[group[0]].file[len(folder) :]
        parts[folder + rest[: rest.find("/") + 1] if "/" in rest else folder + rest].append(group)
    if len(parts) == 1:
        (part,) = parts
        return pack(part, groups, functions) if part != folder else split(folder, groups, functions)
    units: list[tuple[str, list[str]]] = []
    small: list[tuple[str, list[str]]] = []
    for part, found in sorted(parts.items()):
        if weight(found, functions) < UNIT_SIZE // 8:
            small += found
        else:
            units += pack(part, found, functions)
    rest_name = f"{folder}*"
    if small and weight(small, functions) > UNIT_SIZE:
        units += split(rest_name, small, functions)
    elif small:
        units.append((rest_name, members_of(small)))
    return units


def split(
    name: str, groups: list[tuple[str, list[str]]], functions: Mapping[str, Summary]
) -> list[tuple[str, list[str]]]:
    """Large groups of one file by themselves, the others together as far as they fit."""
    units: list[tuple[str, list[str]]] = []
    filled: list[tuple[str, list[str]]] = []
    for group in sorted(groups):
        if weight([group], functions) >= UNIT_SIZE // 4:
            units.append((f"{name}:{group[0]}", members_of([group])))
            continue
        if filled and weight([*filled, group], functions) > UNIT_SIZE:
            units.append((f"{name}:{filled[0][0]}", members_of(filled)))
            filled = []
        filled.append(group)
    return [*units, (name, members_of(filled))] if filled else units


def weight(groups: list[tuple[str, list[str]]], functions: Mapping[str, Summary]) -> int:
    """Nodes of the IR."""
    return sum(functions[symbol].size for _, members in groups for symbol in members)


def members_of(groups: list[tuple[str, list[str]]]) -> list[str]:
    """All functions of these groups, sorted: their order in the unit."""
    return sorted(symbol for _, members in groups for symbol in members)
