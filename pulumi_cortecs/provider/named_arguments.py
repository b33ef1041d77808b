"""Classes of arguments. Each argument is declared once: the type that a program writes, the reader and the default.

    class Probe(NamedArguments):
        port: Input[int] = required(port)
        path: Input[str] | None = optional(string, default="/")

`arguments_of` is the same as rows of a table, and `reader_of` the reader of such an object.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from typing_extensions import dataclass_transform

from pulumi_cortecs.provider.kind import MARKET, Argument, Change, Generated, Reader, Required
from pulumi_cortecs.provider.properties import ObjectReader

ABSENT: Final = object()
"""In a default's place: the vendor fills in nothing, and gets nothing."""


def required(
    read: Reader | type[NamedArguments],
    why: str = "",
    change: Change = Change.REPLACE,
    *,
    priced: bool = False,
    interrupts: bool | Callable[[Any], Any] = False,
    secret: bool = False,
    spell: Callable[[Any], Any] = lambda value: value,
) -> Any:
    """Declares a required argument. `read` reads its value, or is the class of the object that it is; `why` ends the
    message "is required: ...". For the others see `kind.Argument`."""
    return Argument(_reader(read), Required(why), change, priced, interrupts, secret, spell=spell)


def optional(
    read: Reader | type[NamedArguments],
    change: Change = Change.REPLACE,
    *,
    default: Any,
    priced: bool = False,
    interrupts: bool = False,
    secret: bool = False,
    in_state: bool = False,
) -> Any:
    """Declares an argument that a program may leave out; None is the same. `default` is what then counts.

    Plans and states omit it while it has its default, unless it is to be `in_state`, or interrupts the service: then a
    preview of any change could not tell whether the Endpoint waits again.
    """
    is_chosen = default is MARKET or isinstance(default, Generated)
    shown = in_state or interrupts or is_chosen
    return Argument(_reader(read), default, change, priced, interrupts, secret, in_state_if_default=shown)


class _Signature:
    """The `__signature__` of a class of arguments, made when it is asked for: providers never do."""

    def __get__(self, instance: object, owner: type[NamedArguments]) -> inspect.Signature:
        texts: dict[str, Any] = {}
        for parent in reversed(owner.__mro__):
            texts |= inspect.get_annotations(parent)
        kind, empty = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
        return inspect.Signature(
            [
                inspect.Parameter(
                    name, kind, default=empty if isinstance(row.default, Required) else None, annotation=texts[name]
                )
                for name, row in arguments_of(owner).items()
            ]
        )


@dataclass_transform(kw_only_default=True, field_specifiers=(required, optional))
class NamedArguments:
    """The base of a class of arguments, which takes them by name. Two objects with the same arguments are equal, and
    none shows a secret. It does without the functions that `dataclasses` compiles, because each provider imports them.
    """

    if TYPE_CHECKING:
        _arguments: ClassVar[Mapping[str, Argument]]
    else:
        _arguments = {}
        __signature__ = _Signature()

    def __init_subclass__(cls) -> None:
        own = {name: row for name, row in vars(cls).items() if isinstance(row, Argument)}
        for name in own:
            delattr(cls, name)
        cls._arguments = {**own, **{name: row for name, row in cls._arguments.items() if name not in own}}
        inherited = [base.__doc__ for base in cls.__bases__ if base is not NamedArguments]
        cls.__doc__ = "\n\n".join(inspect.cleandoc(text) for text in (cls.__doc__, *inherited) if text)

    def __init__(self, **named: Any) -> None:
        """Raises TypeError for an argument that the class does not have, with the closest match, and for a missing
        one."""
        name = type(self).__name__
        refuse_unknown(name, named, type(self))
        for key, row in self._arguments.items():
            if isinstance(row.default, Required) and key not in named:
                raise TypeError(f"{name} needs {key}{row.default.why and ': '}{row.default.why}")
        vars(self).update({key: named.get(key) for key in self._arguments})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # they can be changed

    def __repr__(self) -> str:
        shown = (f"{key}={value!r}" for key, value in vars(self).items() if not self._arguments[key].secret)
        return f"{type(self).__name__}({', '.join(shown)})"


def arguments_of(form: type[NamedArguments]) -> Mapping[str, Argument]:
    """The arguments of a class by name, those of its bases last."""
    return form._arguments


def reader_of(
    form: type[NamedArguments],
    *,
    switch: str = "",
    may_be_none: bool = True,
    check: Callable[[dict[str, Any]], None] = lambda _: None,
) -> ObjectReader:
    """The reader of an object with the fields of this class. Its defaults are what the vendor fills in."""
    rows = arguments_of(form)
    needed = tuple(name for name, row in rows.items() if isinstance(row.default, Required))
    defaults = {name: row.default for name, row in rows.items() if name not in needed and row.default is not ABSENT}
    return ObjectReader({name: row.read for name, row in rows.items()}, needed, defaults, switch, may_be_none, check)


def _reader(read: Reader | type[NamedArguments]) -> Reader:
    return reader_of(read) if isinstance(read, type) and issubclass(read, NamedArguments) else read


def refuse_unknown(owner: str, named: Mapping[str, Any], form: type[NamedArguments]) -> None:
    """Raises TypeError for names that are no arguments of this class."""
    arguments = arguments_of(form)
    if not (unknown := sorted(named.keys() - arguments.keys())):
        return
    from pulumi_cortecs.cost.suggestions import closest_match  # for a mistake only

    near = [match for name in unknown if (match := closest_match(name, arguments, at_least=0.6))]
    hint = f"did you mean {', '.join(near)}?" if near else f"valid arguments: {', '.join(arguments)}"
    raise TypeError(f"{owner} has no argument {', '.join(unknown)}; {hint}")
