"""Every python block and every `drivetrain` command of the README and of docs/ runs, as written.

The hub cannot be counted on here, so the pages find a hub cache that holds random weights under the real name; and a
small net goes by that name, so that they run in seconds. What they print is not compared: it depends on the weights.
A block that cannot run stands below `<!-- not run: reason -->`.
"""

import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import timm
import torch
from httpcore2 import SyncBackend
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import save_file
from timm.models import _registry
from timm.models.resnet import BasicBlock, _create_resnet

import drivetrain as dt
from drivetrain.cli.main import main
from drivetrain.collecting import network
from drivetrain.insight import inside
from tests.collecting.server import Server
from tests.serving.service import Service

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCH = "resnet18"
SIZE_PX = 48
COLOURS = {"apple": (200, 40, 40), "pear": (150, 190, 60), "plum": (90, 40, 120)}
PICTURES_PER_CLASS = 14
MOST_NOT_RUN = 5
PARTS_OF_A_RECORD = ["Context", "Choice", "Instead of", "Why"]
RECORDS = ROOT / "docs" / "decisions"

BLOCK = re.compile(
    r"(?P<mark><!-- not run: .+ -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    not_run: bool

    def commands(self) -> list[list[str]]:
        """The words of each `drivetrain` command of a shell block; with prompts, other lines are output."""
        if self.language not in {"bash", "console"}:
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        words = [re.sub(r"\s+#.*", "", line).split() for line in lines]
        return [command for command in words if command[:1] == ["drivetrain"]]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: m.start("text")].count("\n"), m["language"], m["text"], m["mark"] is not None)
        for m in BLOCK.finditer(text)
    ]


def small_resnet(pretrained=False, **options):
    """One narrow block per stage: thousands of times less work than a ResNet-18 on pictures of 224 px."""
    shape = {"layers": (1,) * 4, "channels": (8, 8, 16, 16), **options}
    return _create_resnet(ARCH, pretrained, block=BasicBlock, **shape)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """A folder laid out as the hub's client leaves it, with random weights of the small net."""
    monkeypatch.setitem(_registry._model_entrypoints, ARCH, small_resnet)
    for name, config in _registry._model_pretrained_cfgs.items():
        if name.split(".")[0] == ARCH:
            monkeypatch.setattr(config, "input_size", (3, SIZE_PX, SIZE_PX))
    cache = tmp_path / "hub"
    repository = timm.get_pretrained_cfg(ARCH).hf_hub_id
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "snapshots" / "0").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("0", encoding="utf-8")
    save_file(timm.create_model(ARCH).state_dict(), place / "snapshots" / "0" / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def desk(tmp_path, monkeypatch, hub_cache):
    """A working directory as the pages assume it: fruit/, fruit.csv, pear.jpg, customers.csv."""
    place = tmp_path / "desk"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setattr("drivetrain.export.exporting.EXPORTERS", ("torchscript", "dynamo"))  # the quicker one first
    few = partial(inside.checks, n_rows=3)  # a third of what a page about the inside takes are tests of its maps
    monkeypatch.setattr(inside, "checks", few)
    # a budget counts from the start of the process, and this one may be older than the budget of a page
    monkeypatch.setattr("drivetrain.cli.commands.train._process_seconds", lambda: 5.0)
    random = np.random.default_rng(0)
    rows = []
    for label, colour in COLOURS.items():
        Path("fruit", label).mkdir(parents=True)
        for i in range(PICTURES_PER_CLASS):
            pixels = np.clip(np.array(colour) + random.normal(0, 40, (40, 40, 3)), 0, 255).astype(np.uint8)
            path = Path("fruit", label, f"{i:02}.png")
            Image.fromarray(pixels).save(path)
            tags = f"{label};{'light' if pixels.mean() > 105 else 'dark'}"
            split = "train" if i < 8 else "valid" if i < 11 else "test"
            weight_g = round(float(pixels[..., 1].mean()), 1)
            rows.append({"file": path.as_posix(), "label": label, "tags": tags, "weight_g": weight_g, "split": split})
    pd.DataFrame(rows).to_csv("fruit.csv", index=False)
    Image.fromarray(pixels).resize((200, 150)).save("pear.jpg")
    customers = {"age": random.uniform(18, 80, 120).round(2), "town": random.choice(["Bern", "Basel", "Chur"], 120)}
    stays = np.where(customers["age"] + random.normal(0, 12, 120) > 50, "yes", "no")
    pd.DataFrame(customers).assign(stays=stays).to_csv("customers.csv", index=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more only wait for each other on such small pictures
    yield place
    torch.set_num_threads(threads)


@pytest.fixture
def images_of_the_web(page, monkeypatch):
    """A server on this machine that answers for all hosts, for the page that asks some; and a list of addresses."""
    if page.name != "collect.md":
        yield
        return
    connect = SyncBackend.connect_tcp
    with Server() as server:
        monkeypatch.setattr(network, "resolved", lambda host, port: ["127.0.0.1"])
        monkeypatch.setattr(network, "why_private", lambda address: "")
        monkeypatch.setattr(
            SyncBackend, "connect_tcp", lambda self, host, _, *more: connect(self, host, server.port, *more)
        )
        rows = [f"http://images.example.org/picture/{30 + i}.jpg,{'pear' if i % 2 else 'fig'}" for i in range(6)]
        Path("urls.csv").write_text("\n".join(["url,label", *rows]))
        yield


def run_command(words: list[str], capsys) -> str:
    """Run a `drivetrain` command in this process; returns what it printed on standard output."""
    if words[1] == "serve":  # goes on until it is told to stop
        return served(words[2:])
    capsys.readouterr()
    code = main(words[1:])
    said = capsys.readouterr()
    assert code == 0, f"{' '.join(words)} exits with {code}:\n{said.err}"
    return said.out


def served(words: list[str]) -> str:
    """Start a service on a free port, ask it for its page once it is ready, and stop it; returns the page."""
    service = Service(*words, "--port", "0")
    try:
        address = service.wait_for("listening")["address"]
        page = httpx.get(address, timeout=60)
        assert page.status_code == 200, page.text
    finally:
        code = service.end()
    assert code == 0, service.lines
    return page.text


@pytest.mark.timeout(600)  # fifteen seconds of one core at most, of which a busy machine gives a tenth
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_runs_as_written(page, desk, images_of_the_web, capsys):
    names = {"__name__": "__main__"}
    printed = ""
    for block in blocks(page):
        if block.not_run:
            continue
        if block.language == "python":
            source = "\n" * block.line + block.text  # so that a traceback names the line of the page
            with dt.quiet():
                exec(compile(source, str(page), "exec"), names)
        for command in block.commands():
            printed = run_command(command, capsys)
        if block.language == "json":
            assert_same_shape(json.loads(block.text), first_object(printed), page.name)


def first_object(printed: str) -> object:
    """The JSON object that a command printed, or the first of its JSON lines."""
    return json.JSONDecoder().raw_decode(printed)[0]


def assert_same_shape(shown: object, real: object, where: str) -> None:
    """A page may shorten what a command printed, and never shows a key that it does not print."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), where
        assert shown.keys() <= real.keys(), f"{where} shows {sorted(shown.keys() - real.keys())}"
        for key, value in shown.items():
            assert_same_shape(value, real[key], f"{where}.{key}")


def test_few_blocks_are_not_run():
    assert sum(block.not_run for page in PAGES for block in blocks(page)) <= MOST_NOT_RUN


def test_links_between_pages_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", *RECORDS.rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_decision_has_a_record_of_four_parts_and_stands_in_the_index():
    records = {path.relative_to(RECORDS).as_posix(): path.read_text("utf-8") for path in RECORDS.glob("*/*.md")}
    index = (RECORDS / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"\]\(([^)]+)\)", index)) == sorted(records)
    for name, text in records.items():
        assert re.findall(r"^(?:# |\*\*)([A-Z][a-z ]+)\.\*\*", text, re.MULTILINE) == PARTS_OF_A_RECORD, name
        assert text.startswith("# ") and f"[{text[2:].splitlines()[0]}]({name})" in index, name


def test_blocks_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "a\n\n```python\nx = 1\n```\n\n<!-- not run: why -->\n```console\n$ drivetrain train a \\\n  --b\nout\n```\n"
    )
    first, second = blocks(page)
    assert (first.language, first.text, first.line, first.not_run) == ("python", "x = 1\n", 3, False)
    assert second.not_run and second.commands() == [["drivetrain", "train", "a", "--b"]]
