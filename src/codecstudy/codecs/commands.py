"""Commands for other tools: helpers to write them, and their form in results, for every level of a sweep."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Callable, Iterable, Sequence

from codecstudy.codecs.base import Encoder
from codecstudy.types import CommandTemplate, RateParameter, Scalar, Setting, ToolCommand

CHROMA_RATIOS = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0", "400": "4:0:0"}


def shell(*words: object) -> str:
    """A command line for POSIX shells."""
    return " ".join(shlex.quote(str(word)) for word in words)


def pillow(extension: str, options: dict[str, object]) -> ToolCommand:
    """A command that saves with Pillow."""
    return ToolCommand("Pillow", f'image.save("output{extension}"{python_arguments(options)})')


def python_arguments(options: dict[str, object]) -> str:
    """``, name=value`` for each option, to be written after a first argument."""
    return "".join(f", {name}={_python(value)}" for name, value in options.items())


def _python(value: object) -> str:
    """A literal with double quotes, as formatters write it; supports dictionaries of text only."""
    if isinstance(value, str | dict):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def sharp(method: str, extension: str, options: dict[str, Scalar], note: str | None = None) -> ToolCommand:
    """A command that converts with sharp."""
    given = ", ".join(f"{name}: {_javascript(value)}" for name, value in options.items())
    text = f'await sharp("input.png").{method}({{ {given} }}).toFile("output{extension}");'
    return ToolCommand("sharp", text, note)


def _javascript(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else f"{value:g}"


def sharp_obstacle(setting: Setting) -> str | None:
    """What sharp cannot do for this setting of JPEG or AVIF, or None."""
    sampling = setting.get("chroma_subsampling")
    if sampling in ("422", "400"):
        return f"sharp has 4:4:4 and 4:2:0 only, not {CHROMA_RATIOS[sampling]}"
    if setting.quality == 0:
        return "sharp's lowest quality is 1"
    return None


def command_templates(encoder: Encoder, settings: Iterable[Setting]) -> list[CommandTemplate]:
    """The commands for one encoder's settings, and for every level that a recommendation may name.

    A recommendation interpolates between the lowest and the highest measured level, in steps of the rate parameter,
    so each variant has one template per tool, with exceptions.
    """
    levels: dict[tuple[Setting, RateParameter | None], set[float]] = {}
    for setting in settings:
        plain = dataclasses.replace(setting, resolution=None, crop=None)
        rest, rate, level = plain.split(encoder.facts.rates)
        levels.setdefault((rest, rate), set()).update(() if level is None else (level,))
    found: list[CommandTemplate] = []
    for (rest, rate), measured in levels.items():
        if rate is None:
            found += (CommandTemplate(rest, "", c.tool, c.text, c.note) for c in encoder.commands(rest))
        else:
            found += _templates(rest, rate, rate.grid(measured), encoder.commands)
    return found


def _templates(
    rest: Setting,
    rate: RateParameter,
    levels: Sequence[int | float],
    commands: Callable[[Setting], tuple[ToolCommand, ...]],
) -> list[CommandTemplate]:
    by_tool: dict[str, dict[int | float, ToolCommand]] = {}
    for level in levels:
        for command in commands(rest.with_value(rate, level)):
            by_tool.setdefault(command.tool, {})[level] = command
    found = []
    for tool, at in by_tool.items():
        made = (_except(template, at, levels) for template in _candidates(rest, rate, tool, at))
        found.append(min(made, key=lambda template: len(template.exceptions)))
    return found


def _candidates(
    rest: Setting, rate: RateParameter, tool: str, at: dict[int | float, ToolCommand]
) -> Iterable[CommandTemplate]:
    """Templates without exceptions, from the commands of the lowest, the middle and the highest level."""
    levels = list(at)
    for level in dict.fromkeys((levels[-1], levels[len(levels) // 2], levels[0])):
        command = at[level]
        if command.text is None:
            yield CommandTemplate(rest, rate.name, tool, None, command.note)
            continue
        # The level's number may also occur in the text with another meaning, such as a speed.
        number = rf"(?<![\w.]){re.escape(str(level))}(?![\w.])"
        places = [match.span() for match in re.finditer(number, command.text)]
        texts = [f"{command.text[:start]}{{level}}{command.text[end:]}" for start, end in places]
        for text in (*texts, re.sub(number, "{level}", command.text)):
            yield CommandTemplate(rest, rate.name, tool, text, command.note)


def _except(
    template: CommandTemplate, at: dict[int | float, ToolCommand], levels: Sequence[int | float]
) -> CommandTemplate:
    """The template, with exceptions for the levels at which it would be wrong."""
    wrong = {str(level): at.get(level) for level in levels if template.at(level) != at.get(level)}
    exceptions = tuple((level, None if c is None else (c.text, c.note)) for level, c in wrong.items())
    return dataclasses.replace(template, exceptions=exceptions)
