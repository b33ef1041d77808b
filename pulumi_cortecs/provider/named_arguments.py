"""Classes of arguments. Each argument is declared once: the type that a program writes, the reader and the default.

    class Probe(NamedArguments):
        port: Input[int] = required(port)
        path: Input[str] | None = optional(string, default="/")

`arguments_of` is the same as rows of a table, and `reader_of` the reader of such an object.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import dataclass_transform

from pulumi_cortecs.provider.kind import MARKET, Argument, Change, Generated, Reader, Required
from pulumi_cortecs.provider.properties import ObjectReader

if TYPE_CHECKING:
    from typing_extensions import Self

_ARGUMENT: Final = "argument"
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
    argument = Argument(_reader(read), Required(why), change, priced, interrupts, secret, spell=spell)
    return field(repr=not secret, metadata={_ARGUMENT: argument})


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
    argument = Argument(_reader(read), default, change, priced, interrupts, secret, in_state_if_default=shown)
    return field(default=None, repr=not secret, metadata={_ARGUMENT: argument})


@dataclass_transform(kw_only_default=True, field_specifiers=(required, optional))
class NamedArguments:
    """The base of a class of arguments: a dataclass, which names the closest match for a misspelt argument."""

    def __init_subclass__(cls) -> None:
        dataclass(kw_only=True)(cls)
        inherited = [base.__doc__ for base in cls.__bases__ if base is not NamedArguments]
        cls.__doc__ = "\n\n".join(inspect.cleandoc(text) for text in (cls.__doc__, *inherited) if text)
        signature = inspect.signature(cls.__init__)
        parameters = [signature.parameters[name] for name in _names(cls) if name in signature.parameters]
        cls.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Raises TypeError for an argument that the class does not have."""
        refuse_unknown(cls.__name__, kwargs, cls)
        return super().__new__(cls)


def arguments_of(form: type[Any]) -> dict[str, Argument]:
    """The arguments of a class by name, those of its bases last."""
    declared = {row.name: row.metadata[_ARGUMENT] for row in fields(form) if _ARGUMENT in row.metadata}
    return {name: declared[name] for name in _names(form) if name in declared}


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


def _names(form: type[Any]) -> dict[str, None]:
    """The names that a class declares, those of its bases last."""
    return dict.fromkeys(name for parent in form.__mro__ for name in inspect.get_annotations(parent))


def _reader(read: Reader | type[NamedArguments]) -> Reader:
    return reader_of(read) if isinstance(read, type) and issubclass(read, NamedArguments) else read


def refuse_unknown(owner: str, named: Mapping[str, Any], form: type[Any]) -> None:
    """Raises TypeError for names that are no arguments of this class."""
    arguments = inspect.signature(form).parameters
    if not (unknown := sorted(named.keys() - arguments.keys())):
        return
    from pulumi_cortecs.cost.suggestions import closest_match  # for a mistake only

    near = [match for name in unknown if (match := closest_match(name, arguments, at_least=0.6))]
    hint = f"did you mean {', '.join(near)}?" if near else f"valid arguments: {', '.join(arguments)}"
    raise TypeError(f"{owner} has no argument {', '.join(unknown)}; {hint}")
