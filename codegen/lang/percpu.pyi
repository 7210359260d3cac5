"""Per-processor data for type checkers."""

from typing import Generic, TypeVar

from codegen.lang.structs import Struct

S = TypeVar("S", bound=Struct)

class PerCpu(Generic[S]):
    element: type[S]
    @property
    def current(self) -> S: ...
    def here(self) -> S: ...

def per_cpu(element: type[S]) -> PerCpu[S]: ...
