"""`drivetrain`: the entry point, and the list of commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from drivetrain import __version__
from drivetrain.cli.commands.audit import audit
from drivetrain.cli.commands.bodies import bodies
from drivetrain.cli.commands.cache import cache
from drivetrain.cli.commands.captions import captions
from drivetrain.cli.commands.collect import collect
from drivetrain.cli.commands.decide import decide
from drivetrain.cli.commands.demo import demo
from drivetrain.cli.commands.docs import docs
from drivetrain.cli.commands.evaluate import evaluate
from drivetrain.cli.commands.export import export
from drivetrain.cli.commands.inside import inside
from drivetrain.cli.commands.predict import predict
from drivetrain.cli.commands.pull import pull
from drivetrain.cli.commands.push import push
from drivetrain.cli.commands.recommend import recommend
from drivetrain.cli.commands.report import report
from drivetrain.cli.commands.review import review
from drivetrain.cli.commands.runs import runs
from drivetrain.cli.commands.seals import seals
from drivetrain.cli.commands.serve import serve
from drivetrain.cli.commands.slope import slope
from drivetrain.cli.commands.studio import studio
from drivetrain.cli.commands.train import train
from drivetrain.cli.commands.tune import tune
from drivetrain.cli.commands.update import update
from drivetrain.cli.commands.watch import watch
from drivetrain.cli.failures import complain, explain, reported, warnings_as_lines
from drivetrain.cli.streams import NAMES, finish, prepare
from drivetrain.text import printable

HELP = """From data to decisions: fine-tune a pretrained model, know how good it is, ship it.

First steps: `drivetrain demo`. What a word means: `drivetrain docs WORD`.

Results go to standard output, progress and warnings to standard error. Exit status: 0 done, 1 could not (one line says
why), 2 the command line was not understood.
"""


class Commands(TyperGroup):
    """The list of commands; what it says about words that it does not understand is safe to print."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            said: Any = getattr(error, "message", None)  # of an error of the command line: it repeats what was typed
            if isinstance(said, str):
                error.message = printable(said)  # pyright: ignore[reportAttributeAccessIssue]
            raise


app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"drivetrain {__version__}")
        raise typer.Exit


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction] - typer calls it
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def _list_under(heading: str, *commands: Callable[..., None]) -> None:
    """Commands, and the heading under which the help lists them."""
    for command in commands:
        app.command(rich_help_panel=heading)(reported(command))


_list_under("Data", collect, audit, review)
_list_under("Training", train, tune, update, runs)
_list_under("How good is it?", evaluate, report, inside, seals, captions)
_list_under("Use", predict, recommend, serve, watch, export, push, pull)
_list_under("Decisions", slope, decide)
_list_under("Find your way", demo, studio, docs, bodies, cache)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Args:
        argv: The words after ``drivetrain``; None takes this process's.

    Example:
        >>> main(["--version"])
        drivetrain 0.1.0
        0
    """
    prepare()
    with warnings_as_lines():
        status = _status(argv)
    return status if finish() else status or 1


def _status(argv: Sequence[str] | None) -> int:
    try:
        typer.main.get_command(app).main(args=argv, prog_name="drivetrain")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except OSError as error:  # a page of help that cannot be written: commands report their own
        complain("error", explain(error if error.filename else OSError(error.errno, error.strerror, NAMES[1])))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
