"""The house keeps its own rules: what may import what, what an import costs, what may stand in a file."""

import ast
import doctest
import inspect
import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import drivetrain
from drivetrain import errors

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src").rglob("*.py"))
PUBLIC_NAMES = [
    "METRICS",
    "ArtefactError",
    "Audit",
    "Augmentation",
    "Biases",
    "Blend",
    "Calibration",
    "Callback",
    "Caption",
    "CaptionReport",
    "CategoriesTarget",
    "CategoryTarget",
    "Cells",
    "Chart",
    "CheckpointError",
    "Collected",
    "Comparison",
    "Data",
    "DataError",
    "Decision",
    "DrivetrainError",
    "DrivetrainWarning",
    "EarlyStopping",
    "Ease",
    "Ensemble",
    "Evaluation",
    "Examples",
    "ExportError",
    "Factors",
    "Files",
    "ForgettingError",
    "HubError",
    "InputError",
    "ItemNeighbours",
    "KeepBest",
    "Learner",
    "Lever",
    "Linear",
    "LogFile",
    "Metric",
    "MissingExtraError",
    "ModelBase",
    "ModelError",
    "NumberTarget",
    "OpenSet",
    "OverTime",
    "PictureError",
    "Plan",
    "Popularity",
    "Prediction",
    "Predictions",
    "Predictor",
    "Recipe",
    "Score",
    "Scores",
    "SealError",
    "SettingError",
    "SoundAugmentation",
    "Span",
    "Spans",
    "Split",
    "SplitError",
    "SystemLimitError",
    "TensorBoardLog",
    "TextLinear",
    "TimeSpan",
    "TrainingError",
    "Trees",
    "Tuning",
    "Updated",
    "Verification",
    "add_kind",
    "at_least",
    "at_most",
    "audit",
    "binaries",
    "budget",
    "calibrate",
    "calibration_error",
    "caption_report",
    "captioner",
    "cheapest_answers",
    "collect",
    "compare",
    "correct_selection",
    "cross_validate",
    "decide",
    "equal_share",
    "evaluate",
    "experiment",
    "explore",
    "figures",
    "images",
    "interval",
    "load",
    "load_plan",
    "open_set",
    "open_source",
    "plots",
    "quiet",
    "ratings",
    "record_review",
    "score",
    "score_over_time",
    "simulate",
    "simulators",
    "slope_report",
    "sounds",
    "table",
    "texts",
    "thresholds_for_cost",
    "traces",
    "train",
    "train_captioner",
    "tune",
    "update",
    "uplift",
    "verification",
    "verify",
]
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(?:work|root|home/\w+|tmp|Users/\w+|mnt|opt)/(?!models\b)[\w.]")
"""`/mnt/models` is where KServe puts a model."""
HOST = re.compile(r"https?://(?!\S*\.(?:org|com|dev|io|co|net|ai)\b)(?!localhost|127\.0\.0\.1)\S+")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def tracked_texts():
    """Every text file that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    if not names:
        pytest.skip("not a git checkout")
    for name in names:
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue


def test_imports_run_downwards():
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("room", ["loading", "onnx.engine", "hub.fetch"])
def test_the_ground_floor_brings_no_library_of_training(room):
    libraries = ("torch", "timm", "accelerate", "pandas", "sklearn", "scipy", "matplotlib", "onnx", "huggingface_hub")
    code = f"import drivetrain.runtime.{room}, sys; print([name for name in {libraries} if name in sys.modules])"
    brought = python(code)
    assert brought.strip() == "[]"


def test_evaluation_brings_no_torch():
    assert python("import drivetrain.evaluation, sys; print('torch' in sys.modules)").strip() == "False"


def test_import_is_light():
    code = (
        "import sys, drivetrain\n"
        "print({'torch', 'numpy', 'pandas', 'PIL', 'rich', 'pydantic'} & set(sys.modules), len(sys.modules) < 300)"
    )
    assert python(code).strip() == "set() True"


def test_public_names_are_these_and_all_load():
    assert drivetrain.__all__ == PUBLIC_NAMES
    assert drivetrain.__all__ == sorted(PUBLIC_NAMES, key=lambda name: (name.islower(), not name.isupper(), name))
    for name in PUBLIC_NAMES:
        found = getattr(drivetrain, name)
        assert found.__doc__ or name == "METRICS", name
        if isinstance(found, type):
            assert (found.__module__, found.__qualname__) == ("drivetrain", name)
            assert pickle.loads(pickle.dumps(found)) is found
    assert set(PUBLIC_NAMES) <= set(dir(drivetrain))
    with pytest.raises(AttributeError, match="no attribute 'Lerner'"):
        drivetrain.Lerner  # noqa: B018


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "src" / "drivetrain" / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    assert sorted(alias.asname for node in block.body for alias in node.names) == sorted(PUBLIC_NAMES)


def test_all_errors_are_public():
    own = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(own) > 10 and {each.__name__ for each in own} <= set(PUBLIC_NAMES)


WITHOUT_EXAMPLE = {
    "Predictor": "dt.load gives one, whose example runs it",
    "update": "it trains a network twice; docs/updating.md runs it",
    "Updated": "what dt.update gives; docs/updating.md runs it",
}
"""Public classes and functions that no example shows, and why. Errors and warnings are raised, not called."""


def runs(docstring: str | None) -> bool:
    """Whether a docstring has an example that the doctests run, or a part of one."""
    if docstring is None or not re.search(r"^\s*Example:$", docstring, re.MULTILINE):
        return False
    parts = doctest.DocTestParser().get_examples(docstring.split("Example:", 1)[1])
    return any(not part.options.get(doctest.SKIP) for part in parts)


def test_every_public_class_and_function_has_an_example_that_runs():
    shown = {name: getattr(drivetrain, name) for name in PUBLIC_NAMES if name not in WITHOUT_EXAMPLE}
    called = {
        name: found
        for name, found in shown.items()
        if (isinstance(found, type) and not issubclass(found, Exception)) or inspect.isfunction(found)
    }
    assert len(called) > 70 and [name for name, found in called.items() if not runs(found.__doc__)] == []
    assert [name for name in WITHOUT_EXAMPLE if runs(getattr(drivetrain, name).__doc__)] == []


@pytest.mark.parametrize(
    "docstring",
    [
        None,
        "Say hello.",
        "Say hello.\n\n    Example:\n        ::\n\n            hello()\n    ",
        "Say hello.\n\n    Example:\n        >>> hello()  # doctest: +SKIP\n        'hello'\n    ",
        "Say hello.\n\n        >>> hello()\n        'hello'\n    ",
    ],
    ids=["nothing", "words", "not run", "skipped", "no heading"],
)
def test_the_check_for_examples_can_fail(docstring):
    assert not runs(docstring)
    assert runs("Say hello.\n\n    Example:\n        >>> hello()\n        'hello'\n    ")


def test_pages_import_public_names_alone():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = [
        f"{page.name}: {line}"
        for page in pages
        if page.name != "architecture.md"  # for those who work on the house
        for line in page.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(?:from drivetrain\.|import drivetrain\.)", line)
    ]
    assert found == []


def test_every_room_is_described_once():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.relative_to(ROOT / "src" / "drivetrain") for path in MODULES if path.name == "__init__.py"]
    names = [".".join(room.parts) for room in rooms if room.parts]
    table = text[text.index("## Rooms") : text.index("## How data travel")]
    assert len(names) > 20 and [name for name in names if f"`{name}`" not in table] == []
    rows = re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)
    assert len(set(rows)) == len(rows) and set(rows) <= set(names)
    files = [path.name for path in (ROOT / "src" / "drivetrain").glob("*.py") if path.name != "__main__.py"]
    assert [name for name in files if f"`{name}`" not in table] == []


def test_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert drivetrain.__version__ == project["version"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("[", "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_module_is_documented_short_and_safe(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no docstring"
    assert len(text.splitlines()) <= 500, "over 500 lines: what second thing has it become?"
    assert forbidden(tree) == KNOWN_FILES.get(path.name, [])


KNOWN_FILES = {
    "packaged.py": ["torch.load(…, weights_only=True)"],
    "running.py": ["exec", "compile", "eval", "compile"],
}
"""Who may open a torch file, and how: there the file's content is compared with a known SHA-256 first. And who may run
source: the guided notebooks, which lie in the package beside it."""


def forbidden(tree: ast.AST) -> list[str]:
    """Calls and imports that could run foreign code."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [
                name for name in names if name.split(".")[0] in {"pickle", "dill", "cloudpickle", "joblib", "shelve"}
            ]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            bare = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords)
            found += ["torch.load(…, weights_only=True)"] if called == "torch.load" and bare else []
            found += [called] if called in {"eval", "exec", "compile", "torch.jit.load"} else []
            found += [called] if called == "torch.load" and not bare else []
            if any(word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords):
                found.append("allow_pickle")
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(f)",
        "torch.load(f, weights_only=True)",
        "x = eval(s)",
        "f(x, allow_pickle=True)",
    ],
)
def test_the_check_for_foreign_code_can_fail(code):
    assert forbidden(ast.parse(code))


def test_no_paths_or_hosts_of_one_machine():
    found = [
        f"{name}: {match.group()}"
        for name, text in tracked_texts()
        for pattern in (MACHINE_PATH, HOST)
        for match in pattern.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize("text", ["see /" + "work/main", '"/' + 'tmp/a.jpg"', "http:" + "//mirror.corp/simple"])
def test_the_check_for_one_machine_can_fail(text):
    assert MACHINE_PATH.search(text) or HOST.search(text)


def test_pins_name_versions_only():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert pins == sorted(pins, key=lambda pin: pin.split("==")[0])
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9.-]+==[\w.+!]+", pin)] == []


def test_benchmarks_and_recipes_import_what_is_there():
    """They are run by hand, so that nothing else would notice a module that was moved."""
    gone = []
    files = [file for folder in ("benchmarks", "recipes", "scripts") for file in (ROOT / folder).rglob("*.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("drivetrain."):
                place = ROOT / "src" / Path(*node.module.split("."))
                source = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
                text = source.read_text(encoding="utf-8") if source.exists() else ""
                beside = {path.stem for path in place.glob("*")} if place.is_dir() else set()
                gone += [
                    f"{file.relative_to(ROOT)}: {node.module}.{each.name}"
                    for each in node.names
                    if each.name not in beside and not re.search(rf"\b{each.name}\b", text)
                ]
    assert files
    assert gone == []


def test_planted_bugs_can_still_be_planted():
    """benchmarks/planted_bugs.py plants them; here only that none has been left behind by the code."""
    bugs = tomllib.loads((ROOT / "tests" / "planted_bugs.toml").read_text(encoding="utf-8"))["bug"]
    names = [bug["what"] for bug in bugs]
    assert len(set(names)) == len(names)
    for bug in bugs:
        whole = (ROOT / "src" / "drivetrain" / bug["file"]).read_text(encoding="utf-8")
        assert whole.count(bug["right"]) == 1, bug["what"]
        file, _, test = bug["test"].partition("::")
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), bug["what"]
