"""Messages name arguments of Python; in a shell they are options, and are spelled as they can be typed there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable
from functools import cache

OTHER_NAMES = {
    "metrics": "--metric",
    "pretrained=False": "--from-scratch",
    "store_activations=False": "--no-activation-cache",
    "favourites": "--like",
    "probe=False": "--no-probe",
    "part='new'": "--new",
    "part='test'": "--test",
}
"""Arguments that an option has another name for."""
CALLS = {"save(exemplars=0)": ("--carry 0", "--exemplars 0")}
"""Calls that a command makes by itself → options that say the same, of which the command has one."""

_ARGUMENT = re.compile(r"(?<![\w/.=\\?&'\"-])([a-z]\w*)=('(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|[\w.+-]*[\w+-])?")
_SEVERAL = re.compile(r"(?<![\w/.=\\?&'\"-])([a-z]\w*)=\(('[^']*'(?:, '[^']*')+)\)")
"""Several names, such as ``span=('start', 'end')``."""
_RANGE = re.compile(r"(?<![\w/.=\\?&'\"-])([a-z]\w*)=\(([^()',]+), ([^()',]+)(?:, '(\w+)')?\)")
_LIST = re.compile(r"(?<![\w/.=\\?&'\"-])([a-z]\w*)=\[([^\[\]]*)\]")
"""Of a space that is searched, such as ``lr=(0.0001, 0.01, 'log')`` and ``leaves=[4, 8]``."""
_FORMS = {
    "(low, high, 'log')": "low:high:log",
    "(low, high)": "low:high",
    "a list of choices": "choices between commas",
}
_OPTION = re.compile(r"--(?:option|space) (?:'[^']*'|\S+)")
_TWICE = re.compile(r"(--[a-z-]+)((?: '[^']*'| [\w.]+)?) \(\1(?:\2)?\)")


def as_typed(message: str, options: Iterable[str]) -> str:
    """A message as the user of a shell can follow it.

    Args:
        message: It may name arguments, such as ``task='category'``.
        options: The options of the command that was typed, as Python names; others are left as they are, and said to be
            Python's where they are meant to help.

    Example:
        >>> as_typed("To fix: pass task='category', or set test_pct=0.", ["task", "test_pct"])
        'To fix: pass --task category, or set --test-pct 0.'
        >>> as_typed("limits={'author': 1} cannot be used", ["limits"])
        "--limits {'author': 1} cannot be used"
        >>> as_typed("To fix: pass broken='leave out'.", ["task"])
        "To fix: pass broken='leave out'. (broken= is for Python alone.)"
        >>> as_typed("To fix: pretrained=False (--from-scratch).", ["from_scratch"])
        'To fix: --from-scratch.'
        >>> as_typed("To leave them out: save(exemplars=0).", ["exemplars", "carry"])
        'To leave them out: --carry 0.'
        >>> as_typed("none: test_pct=0 (--test-pct 0)", ["test_pct"])
        'none: --test-pct 0'
        >>> as_typed("To fix: keep_silent=True takes silence for a sound.", ["option"])
        'To fix: --option keep_silent=true takes silence for a sound.'
        >>> as_typed("To fix: span=('start', 'end').", ["option"])
        'To fix: --option span=start,end.'
        >>> as_typed("lr=(3, 1, 'log') cannot be used. To fix: lr=(low, high).", ["space"])
        '--space lr=3:1:log cannot be used. To fix: --space lr=low:high.'
    """
    names = set(options)
    if "space" in names:
        message = _of_a_space(message, names)
    for call, spelled in CALLS.items():
        one = next((option for option in spelled if option[2:].partition(" ")[0] in names), call)
        message = message.replace(call, one)

    def typed(found: re.Match[str]) -> str:
        name, value = found.group(1), found.group(2)
        gap = " " if value is None and message[found.end() : found.end() + 1] in {"{", "[", "("} else ""
        other = OTHER_NAMES.get(found.group(0)) or OTHER_NAMES.get(name)
        if other is not None and other.removeprefix("--").replace("-", "_") in names:
            return other if found.group(0) in OTHER_NAMES else _option(other, value) + gap
        if name in names:
            return _option(f"--{name.replace('_', '-')}", value) + gap
        return _of_a_kind(name, value) if value and "option" in names and name in _kinds_take() else found.group(0)

    said = _TWICE.sub(r"\1\2", _ARGUMENT.sub(typed, message))
    if "option" in names:
        said = _SEVERAL.sub(lambda found: _several(found, names), said)
    for name in sorted(names):
        if "_" in name:
            said = re.sub(rf"(?<![\w/.'\"-]){name}(?![\w='\"])", f"--{name.replace('_', '-')}", said)
    _, fix, advice = said.partition("To fix:")
    left = sorted({found.group(1) for found in _ARGUMENT.finditer(_OPTION.sub("", advice))}) if fix else []
    are = "is" if len(left) == 1 else "are"
    return f"{said} ({', '.join(f'{name}=' for name in left)} {are} for Python alone.)" if left else said


def _of_a_space(message: str, names: set[str]) -> str:
    """Settings of a search, as ``--space`` takes them."""
    said = _RANGE.sub(lambda found: f"--space {found[1]}={':'.join(filter(None, found.groups()[1:]))}", message)
    said = _LIST.sub(lambda found: f"--space {found[1]}={found[2].replace(', ', ',').replace(chr(39), '')}", said)
    for form, typed in _FORMS.items():
        said = said.replace(form, typed)

    def one(found: re.Match[str]) -> str:
        name, value = found.group(1), found.group(2)
        return found.group(0) if name in names or not value or name not in _searched() else f"--space {found.group(0)}"

    return re.sub(r"--space --space", "--space", _ARGUMENT.sub(one, said))


@cache
def _searched() -> frozenset[str]:
    """Settings that a search knows."""
    from drivetrain.tuning.knobs import NAMES  # noqa: PLC0415 - brings torch

    return frozenset().union(*NAMES.values())


def _several(found: re.Match[str], names: set[str]) -> str:
    name, values = found.group(1), ast.literal_eval(f"({found.group(2)})")
    if name in names or name not in _kinds_take():
        return found.group(0)
    said = f"{name}={','.join(values)}"
    return f"--option {shlex.quote(said)}"


def _of_a_kind(name: str, value: str) -> str:
    """An argument that kinds of input take, as ``--option`` does."""
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        read = value
    return f"--option {shlex.quote(f'{name}={str(read).lower() if isinstance(read, bool) else read}')}"


@cache
def _kinds_take() -> frozenset[str]:
    """Arguments of the public functions of kinds, such as `drivetrain.sounds`."""
    from inspect import signature  # noqa: PLC0415 - for messages alone

    import drivetrain as dt  # noqa: PLC0415
    from drivetrain.runtime.kinds import packages  # noqa: PLC0415

    opened = [getattr(dt, kind) for kind, package in packages().items() if package.startswith("drivetrain.kinds.")]
    return frozenset(name for each in opened for name in signature(each).parameters)


def _option(option: str, value: str | None) -> str:
    if value is None:
        return option
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return f"{option} {value}"
    if read is True:
        return option
    if read is False or read is None:
        return f"no {option}"
    return f"{option} {shlex.quote(str(read))}"
