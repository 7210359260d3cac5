"""Annotations into types: evaluated where they stand, as late as forward references and factories need."""

from __future__ import annotations

import functools
import importlib
import operator
import sys
import types
import typing
from typing import Any

from codegen.lang.declared import Misdeclared

_CO_OPTIMIZED = 1  # set in the code of functions, not of modules and class bodies


class Scope:
    """The names visible at one place of a source file: enclosing function and class bodies, then the module."""

    __slots__ = ("_frames", "_globals")

    def __init__(self, depth: int) -> None:
        """Of the frame `depth` above the caller."""
        frame: types.FrameType | None = sys._getframe(depth + 1)
        assert frame is not None
        self._globals = frame.f_globals
        self._frames: list[types.FrameType] = []
        while frame is not None and frame.f_locals is not frame.f_globals and frame.f_globals is self._globals:
            self._frames.append(frame)
            if frame.f_code.co_flags & _CO_OPTIMIZED:
                break
            frame = frame.f_back

    def evaluate(self, annotation: Any, first: dict[str, Any]) -> Any:
        """The object that an annotation means; names of `first` go before all others. NameError when undefined."""
        if not isinstance(annotation, str):
            return annotation
        names = dict(first)
        for frame in self._frames:
            for name, value in frame.f_locals.items():
                names.setdefault(name, value)
        value = annotation
        while isinstance(value, str):
            value = eval(value, self._globals, names)
        return value


def substituted(kind: Any, where: dict[str, Any]) -> Any:
    """`kind` with type variables replaced; unions of classes come out as `types.UnionType`."""
    if isinstance(kind, typing.TypeVar):
        if kind.__name__ not in where:
            raise Misdeclared(f'type variable {kind.__name__} needs @fn(where={{"{kind.__name__}": …}})')
        return where[kind.__name__]
    if isinstance(kind, typing.ForwardRef):
        raise Misdeclared(f"write the annotation {kind.__forward_arg__!r} as one string")
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, (substituted(a, where) for a in arguments))
    if origin is tuple:
        return tuple.__class_getitem__(tuple(substituted(a, where) for a in arguments))
    return None if kind is type(None) else kind


def written(holder: Any) -> dict[str, Any]:
    """The annotations in the body of a class, or of a function, unevaluated where Python keeps them so."""
    if sys.version_info >= (3, 14):
        library = importlib.import_module("annotationlib")
        return dict(library.get_annotations(holder, format=library.Format.STRING))
    return dict(holder.__dict__.get("__annotations__", {}) if isinstance(holder, type) else holder.__annotations__)
