"""What `help(Instance)`, `inspect` and editors show of a resource: its arguments, which its constructor takes in both
forms and cannot name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


class ShownArguments:
    """The `__signature__` of the classes below the base that has it. `form` returns the arguments of such a class.
    A user's class with a constructor of its own keeps that constructor's signature."""

    def __init__(self, form: Callable[[Any], type[Any]]) -> None:
        self._form = form

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._base = owner

    def __get__(self, instance: Any, owner: type[Any]) -> inspect.Signature:
        if owner is self._base or owner.__init__ is not self._base.__init__:
            raise AttributeError("__signature__")
        form = self._form(owner)
        args = inspect.Parameter("args", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=form)
        own = list(inspect.signature(self._base.__init__).parameters.values())
        opts = args.replace(name="opts", annotation="pulumi.ResourceOptions | None")
        named = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in inspect.signature(form).parameters.values()
        ]
        return inspect.Signature([own[1], args, opts, *named])


def with_arguments(text: str | None, form: type[Any]) -> str:
    """The text of a class, with that of its arguments below it."""
    return "\n\n".join(inspect.cleandoc(part) for part in (text, form.__doc__) if part)
