"""What all commands share: options, exit status, one line for an error, nothing heavy before it is needed."""

import errno
import io
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import typer

import drivetrain
from drivetrain.cli.failures import complain, reported, warnings_as_lines
from drivetrain.cli.main import app
from drivetrain.errors import DataError, DrivetrainWarning

OPTIONS = {
    "collect": "lists --out --provider --input --url --label --contact --per-host --pause --most-mb --least-px "
    "--timeout --again --permitted --json",
    "audit": "data --html --features --arch --json --input --target --path --split --group --time --task "
    "--label-delim --channels --labels-from --device --precision",
    "train": "data --arch --epochs --budget --out --json --input --target --text --path --split --group --time --gap "
    "--review --task --label-delim --valid-pct --test-pct --seed --channels --user --item --weight --users "
    "--items --hold-out --option --labels-from --seal --retire --from-scratch --size --fit --metric --batch-size "
    "--lr --head-epochs --unfreeze --statistics --no-activation-cache --exemplars --keep-best --patience --export "
    "--device --precision --project",
    "tune": "data --space --model --trials --budget --metric --storage --name --sampler --no-prune --out --html --json "
    "--input --target --text --path --split --group --time --gap --review --task --label-delim --valid-pct --test-pct "
    "--seed --channels --user --item --weight --users --items --hold-out --option --labels-from --seal --retire "
    "--project",
    "update": "model new --old --without-old --out --beside --html --exemplars --alpha --distil --anchor --carry "
    "--max-flips --noise --accept-forgetting --epochs --budget --lr --low-rank --valid-pct --test-pct --seed --device "
    "--precision --project --json",
    "evaluate": "model --test --new --data --metric --device --precision --seal --project --review --json",
    "predict": "model inputs --top-k --batch-size --engine --out --workers --device --precision --json",
    "recommend": "model --user -n --like --seen --diversity --novelty --at-most-per --not-from --by --json",
    "report": "model --out --data --use --audit --no-probe --device --precision --project --json",
    "inside": "model --data --out --against --layer --feature --features --explain --rows --quick --seed --device "
    "--project --json",
    "review": "model --data --out --port --no-browser --input --device --precision --project",
    "export": "model --precision --data --golden --worst-change --triton --json",
    "push": "model name --private --exemplars --space --json",
    "pull": "name --out --revision --json",
    "serve": "model --host --port --token-file --threads --queue --deadline --max-mb --log-predictions "
    "--sample-dir --sample-pct --sample-most --shadow",
    "watch": "model log --last --false-alarms --least --json",
    "runs": "--metric --project --json",
    "slope": "table --outcome --of --controls --cluster --within --weights --family --claim "
    "--smallest-effect-of-interest --prior --level --errors --missing --note --simulations --seed --html --json",
    "seals": "action what --reason --out --labels --project --json",
    "demo": "name --out --notebook --no-run --open --json",
    "captions": "table --pictures --references --objects --look-for --synonym --model --picture --caption --likelihood "
    "--rivals --level --seed --note --html --json",
    "docs": "page --port --no-browser",
    "studio": "folder --service --port --no-browser --project",
    "decide": "plan --out --actions --save --json",
    "cache": "action --project --json",
    "bodies": "action folder --name --hub --no-speed --json",
}
HEAVY = ("torch", "timm", "pandas", "sklearn", "scipy", "matplotlib", "numpy", "PIL")


def test_options_are_these():
    commands = typer.main.get_command(app).commands
    found = {
        name: " ".join(
            param.opts[0] if param.opts[0].startswith("-") else param.name
            for param in command.params
            if not getattr(param, "hidden", False)  # an older name
        )
        for name, command in commands.items()
    }
    assert found == OPTIONS


def test_help_names_every_command(run):
    done = run("--help")
    assert done.code == 0
    assert all(name in done.out for name in OPTIONS)


@pytest.mark.parametrize("command", OPTIONS)
def test_help_of_each_command_shows_its_options(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = run(command, "--help")
    assert done.code == 0
    assert [word for word in OPTIONS[command].split() if word.startswith("-") and word not in done.out] == []


def test_version(run):
    done = run("--version")
    assert (done.code, done.out, done.err) == (0, f"drivetrain {drivetrain.__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ["trian"],
        [],
        ["train"],
        ["train", "data", "--arch", "resnet18"],
        ["train", "data", "--arch", "resnet18", "--out", "a.model", "--epochs", "many"],
        ["train", "data", "--arch", "resnet18", "--out", "a.model", "--epochs", "0"],
        ["train", "data", "--arch", "resnet18", "--out", "a.model", "--task", "colour"],
        ["predict", "a.model"],
        ["predict", "a.model", "a.png", "--top-k", "0"],
        ["evaluate", "a.model", "--tset"],
    ],
    ids=" ".join,
)
def test_usage_errors_exit_with_2_and_print_no_result(words, run):
    done = run(*words)
    assert done.code == 2
    assert words == [] or done.out == ""


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"], ["train", "data"], ["predict"]])
def test_nothing_heavy_is_loaded_before_it_is_needed(words):
    code = (
        f"import sys; from drivetrain.cli.main import main; main({words!r})\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_brings_nothing_that_is_slow_to_load():
    code = (
        "import sys\nfrom drivetrain.cli.main import main\nmain(['train', '--help'])\n"
        "slow = {'torch', 'numpy', 'pandas', 'PIL', 'onnxruntime', 'scipy'} & set(sys.modules)\n"
        "print('brought', sorted(slow))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("brought []\n")


def test_installed_script_runs():
    script = Path(sys.executable).with_name("drivetrain")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"drivetrain {drivetrain.__version__}\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("no rows.\n  To fix: add some."), "error: no rows. To fix: add some.\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.model"), "error: a.model: No space left on device\n"),
        (
            MemoryError(),
            "error: MemoryError:  (unexpected; to see where it happened, set DRIVETRAIN_DEBUG=1 and run it again)\n",
        ),
        (KeyboardInterrupt(), "error: interrupted\n"),
    ],
)
def test_an_error_is_one_line_and_exit_status_1(error, line, capsys):
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        reported(command)()
    assert ended.value.exit_code == 1
    assert capsys.readouterr() == ("", line)


def test_tracebacks_are_there_for_those_who_ask(monkeypatch):
    def command() -> None:
        raise DataError("no rows")

    monkeypatch.setenv("DRIVETRAIN_DEBUG", "1")
    with pytest.raises(DataError):
        reported(command)()


def test_a_warning_is_one_line(capsys):
    with warnings_as_lines():
        warnings.warn("2 left out:\n  1 × a.jpg\n  1 × b.jpg", DrivetrainWarning, stacklevel=1)
    assert capsys.readouterr() == ("", "warning: 2 left out: 1 × a.jpg; 1 × b.jpg\n")


def test_somebody_at_a_terminal_gets_the_lines_of_a_message_as_they_are(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    complain("warning", "2 left out:\n  1 × file is empty: a.jpg\nnote: \x1b[31mb")
    shown = sys.stderr.getvalue()  # type: ignore[attr-defined] - it is the one above
    assert shown == "warning: 2 left out:\n    1 × file is empty: a.jpg\n  note: \\x1b[31mb\n"


def test_error_reaches_the_shell_as_one_line(run):
    done = run("evaluate", "no.model", "--json")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith("error: no.model does not exist. To fix:")
