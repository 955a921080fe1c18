"""Objects found by name: built in, registered at run time, or installed as plugins."""

from __future__ import annotations

import functools
import hashlib
import importlib
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Generic, TypeVar

from codecstudy.errors import CodecstudyError, did_you_mean
from codecstudy.files import sha256_of

T = TypeVar("T")

_SOURCES = (".py", ".so", ".pyd", ".dylib", ".dll")
"""Suffixes of the files of a package that decide what it does."""


class Registry(Generic[T]):
    """Objects of one type by name. Their modules are imported when they are first asked for.

    References have the form ``"package.module:ATTRIBUTE"``. A plugin is an entry point of ``group``, under the name
    of its object. It cannot replace a built-in object.

    Args:
        kind: What one is called in messages: ``encoder``.
        group: Entry point group of plugins.
        built_in: Name to reference.
        type: Class of the objects.
        name_of: The name of an object.
        problem_with: Called with an object and its reference; says why it cannot be used, or returns None.
        error: Raised if an object cannot be loaded or registered.
        unknown: Raised for a name that does not exist.
        with_source: Called with an object that is not built in and the hash of its source; returns it with a
            version that contains the hash, so that it is measured anew after a change.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Mapping[str, str],
        type: type[T],
        name_of: Callable[[T], str],
        problem_with: Callable[[T, str], str | None],
        error: type[CodecstudyError],
        unknown: type[CodecstudyError],
        with_source: Callable[[T, str], T],
    ) -> None:
        self._kind = kind
        self._group = group
        self._built_in = built_in
        self._type = type
        self._name_of = name_of
        self._problem_with = problem_with
        self._error = error
        self._unknown = unknown
        self._with_source = with_source
        self._loaded: dict[str, T] = {}
        self._registered: dict[str, str] = {}
        self._marked: dict[str, tuple[T, T]] = {}
        """Objects that are not built in, by reference: as their modules have them, and with their source."""

    def get(self, name: str) -> T:
        """The object called ``name``.

        Raises:
            CodecstudyError: It does not exist (the message lists those that do), or cannot be loaded.
        """
        if name not in self._loaded:
            reference = self._built_in.get(name) or self._plugin(name)
            found = self._load(reference)
            if self._name_of(found) != name:
                raise self._error(
                    f"{self._kind} {reference} is installed under the name {name!r}, but it is called "
                    f"{self._name_of(found)!r}; its package must declare it under that name"
                )
            self._loaded[name] = found
        return self._loaded[name]

    def names(self) -> tuple[str, ...]:
        """Every name that :meth:`get` knows: built-in ones first, then registered ones, then plugins."""
        return tuple(dict.fromkeys([*self._built_in, *self._registered, *self._plugins()]))

    def register(self, reference: str) -> T:
        """Add the object at ``reference`` and return it.

        The reference is remembered, so that worker processes can be told to register it again. Registering the same
        one twice is allowed.

        Raises:
            CodecstudyError: There is no such object at that place, or another one has its name already.
        """
        found = self._load(reference)
        name = self._name_of(found)
        other = self._built_in.get(name) or self._registered.get(name, reference)
        if other != reference or name in self._built_in:
            raise self._error(f"cannot register {reference}: {other} already has the name {name!r}")
        self._loaded[name] = found
        self._registered[name] = reference
        return found

    def registered(self) -> tuple[str, ...]:
        """The references given to :meth:`register`, in order."""
        return tuple(self._registered.values())

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in sorted(entry_points(group=self._group))}

    def _plugin(self, name: str) -> str:
        plugins = self._plugins()
        if name not in plugins:
            known = self.names()
            raise self._unknown(
                f"no {self._kind} is named {name!r}{did_you_mean(name, known)} Known ones: {', '.join(known)}"
            )
        return plugins[name].value

    def _load(self, reference: str) -> T:
        module, colon, attribute = reference.partition(":")
        if not (module and colon and attribute):
            raise self._error(
                f"{reference!r} is not a reference to an object; write it as package.module:ATTRIBUTE"
            )
        try:
            found = getattr(importlib.import_module(module), attribute)
        except ImportError as error:
            raise self._cannot_load(reference, str(error)) from error
        except AttributeError as error:
            raise self._cannot_load(reference, f"{module} has no {attribute}") from error
        except Exception as error:
            raise self._cannot_load(reference, f"{type(error).__name__}: {error}") from error
        if not isinstance(found, self._type):
            wanted = f"{self._type.__module__}.{self._type.__name__}"
            raise self._cannot_load(reference, f"it is of type {type(found).__name__}, not {wanted}")
        if problem := self._problem_with(found, reference):
            raise self._cannot_load(reference, problem)
        if reference in self._built_in.values() or (source := source_hash(module)) is None:
            return found
        if reference not in self._marked or self._marked[reference][0] is not found:
            self._marked[reference] = found, self._with_source(found, source)
        return self._marked[reference][1]

    def _cannot_load(self, reference: str, why: str) -> CodecstudyError:
        return self._error(f"cannot load {self._kind} {reference}: {why}")


@functools.cache
def source_hash(module: str) -> str | None:
    """Short hash of the source of an imported module: 8 hexadecimal digits; None if it has no file.

    Of a module in a package, all Python files and shared objects of that package count, because the module may use
    them. What they import from elsewhere does not count. A namespace package (PEP 420) has no files of its own: of
    a module in one, its own file counts, since the folders of the package depend on ``sys.path``.
    """
    package = sys.modules.get(sys.modules[module].__package__ or "")
    file = sys.modules[module].__file__
    is_regular = package is not None and getattr(package, "__file__", None) is not None
    folders = list(package.__path__) if package is not None and is_regular else []
    files = sorted(
        (path.relative_to(folder).as_posix(), path)
        for folder in map(Path, folders)
        for path in folder.rglob("*")
        if path.suffix in _SOURCES and path.is_file()
    )
    if not folders and file is not None:
        files = [(Path(file).name, Path(file))]
    try:
        named = [f"{name} {sha256_of(path)}" for name, path in files]
    except OSError:  # in a zip archive, for example
        return None
    return (
        hashlib.sha256("\n".join(named).encode("utf-8", "surrogateescape")).hexdigest()[:8] if named else None
    )
