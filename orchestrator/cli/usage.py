"""Mistakes in a command line: all of them at once, in the layout of every other error."""

from __future__ import annotations

import difflib
import inspect
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from orchestrator.cli.closed_output import quiet_end
from workers.errors import InputError, raise_all
from workers.registry import closest

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for any mistake: it does not export the name."""


class Command(TyperCommand):
    """A command whose mistakes are InputErrors."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        repeated = _repeated(self, ctx, args)
        try:
            rest = super().parse_args(ctx, list(args))
        except (UsageError, InputError):
            raise_all([*_mistakes(self, ctx, args), *repeated])
            raise
        raise_all(repeated)
        return rest


class CommandGroup(TyperGroup):
    """The application, which names the nearest command for one that it does not have."""

    def invoke(self, ctx: Any) -> Any:
        with quiet_end():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, list(args))
        except UsageError as error:
            if not args:  # then it prints the help
                raise
            raise InputError(str(error), hint="`prunesweep --help` shows options and commands") from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except UsageError as error:
            hint = closest(args[0], self.list_commands(ctx))
            raise InputError(f"unknown command: `{args[0]}`", hint=hint) from error


def _repeated(command: Command, ctx: Any, words: Sequence[str]) -> list[InputError]:
    """The options that are given more than once: only the last one would count."""
    names = Counter(word.partition("=")[0] for word in words)
    single = [parameter for parameter in command.get_params(ctx) if not parameter.multiple]
    options = [option for parameter in single for option in parameter.opts if option.startswith("--")]
    return [
        InputError(f"`{option}` cannot be given more than once", hint="combine the values, or keep one of them")
        for option in options
        if names[option] > 1
    ]


def _mistakes(command: Command, ctx: Any, args: Sequence[str]) -> list[InputError]:
    """The mistakes in the words of a command line: unknown options first, then by parameter."""
    words, mistakes, mistaken = list(args), list[InputError](), set[str]()
    while (error := _misread(command, ctx, words)) is not None:
        name = getattr(error, "option_name", "")
        position = next((number for number, word in enumerate(words) if word.partition("=")[0] == name), None)
        if position is None:
            return [*mistakes, InputError(str(error))]
        mistakes.append(_option_mistake(command, ctx, name))
        mistaken.add(name)
        del words[position]
    values, rest, _ = command.make_parser(ctx).parse_args(args=words)
    for parameter in command.get_params(ctx):
        try:
            _, rest = parameter.handle_parse_result(ctx, values, rest)
        except InputError as refusal:
            mistakes.append(refusal)
        except UsageError:
            if mistaken.isdisjoint(parameter.opts):
                mistakes.append(_value_mistake(command, ctx, parameter, values.get(parameter.name)))
    if rest and not mistakes:  # else they may be the values of unknown options
        hint = f"`prunesweep {ctx.info_name} --help` shows which arguments it takes"
        mistakes.append(InputError(f"too many arguments: {' '.join(rest)}", hint=hint))
    return mistakes


def _misread(command: Command, ctx: Any, words: Sequence[str]) -> Exception | None:
    """The first mistake in the names of options."""
    try:
        command.make_parser(ctx).parse_args(args=list(words))
    except UsageError as error:
        return error
    return None


def _option_mistake(command: Command, ctx: Any, name: str) -> InputError:
    parameters: dict[str, Any] = {
        option: parameter for parameter in command.get_params(ctx) for option in parameter.opts
    }
    if name not in parameters:
        options = [option for option in parameters if option.startswith("--")]
        return InputError(f"unknown option: `{name}`", hint=_nearest_option(name, options))
    return InputError(f"`{name}` {'does not take' if parameters[name].is_flag else 'needs'} a value")


def _nearest_option(name: str, options: Sequence[str]) -> str:
    """A hint: the option that was probably meant, of which the name is the beginning or a misspelling; else all."""
    word = name.removeprefix("--")
    longer = [option for option in options if len(word) > 2 and option.startswith(f"--{word}")]
    near = difflib.get_close_matches(word, [option.removeprefix("--") for option in options], n=1, cutoff=0.75)
    if longer or near:
        return f"did you mean `{longer[0] if longer else f'--{near[0]}'}`?"
    return f"use one of {', '.join(options)}"


def _value_mistake(command: Command, ctx: Any, parameter: Any, value: object) -> InputError:
    name = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar
    if value is None:
        return InputError(f"`{name}` must be given", hint=f"`prunesweep {ctx.info_name} --help` lists the arguments")
    assert command.callback is not None
    annotation = inspect.signature(command.callback, eval_str=True).parameters[parameter.name].annotation
    if choices := _choices(annotation):
        return InputError(f"unknown value of `{name}`: `{value}`", hint=closest(str(value), choices))
    kind = "a whole number" if int in get_args(get_args(annotation)[0]) or int in get_args(annotation) else "a number"
    return InputError(f"`{name}` must be {kind}{_bounds(get_args(annotation)[1])}: {value}")


def _choices(annotation: Any) -> tuple[str, ...]:
    """The values that a type allows, if it lists them."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((choices for part in get_args(annotation) if (choices := _choices(part))), ())


def _bounds(option: Any) -> str:
    """` from 1 to 100`, ` of at least 1`, or nothing."""
    if option.min is not None and option.max is not None:
        return f" from {option.min} to {option.max}"
    return "" if option.min is None else f" of at least {option.min}"
