"""Lists, search and similar items in a service, and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from drivetrain.cli.main import main
from drivetrain.serving.app import make_app
from drivetrain.serving.run import open_model
from drivetrain.serving.service import Service
from drivetrain.serving.settings import Settings


@pytest.fixture(scope="module")
def saved(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models["factors"].save(tmp_path_factory.mktemp("served") / "books.model")


@pytest.fixture(scope="module")
def client(saved: Path) -> Iterator[TestClient]:
    with TestClient(make_app(Service(open_model(saved, Settings()), Settings())), base_url="http://127.0.0.1") as made:
        yield made


def test_a_list_is_that_of_the_model(client: TestClient, models: dict[str, Any]) -> None:
    rules = {"at_most_per": {"author": 1}, "not_from": ["i3"], "diversity": 0.2, "by": "discovery"}
    said = client.post("/recommend", json={"user": "u7", "n": 4, **rules}).json()
    right = models["factors"].recommend("u7", 4, **rules)
    assert said["items"] == right.as_json()
    assert said["user"] == "u7"
    assert "heuristic" in said["told"]["by"]
    new = client.post("/recommend", json={"favourites": {"Book 3": 5, "i4": 1}, "n": 3}).json()
    assert new["user"] is None
    assert new["items"] == models["factors"].recommend(favourites={"Book 3": 5, "i4": 1}, n=3).as_json()


def test_a_rating_is_predicted_as_rows_of_tables_are(client: TestClient, models: dict[str, Any]) -> None:
    said = client.post("/predict", json={"user": "u7", "item": "i3"}).json()
    right = models["factors"].predict({"user": "u7", "item": "i3"}).value
    assert said["values"]["stars"] == pytest.approx(right, abs=1e-5)


def test_items_are_found_by_words_most_users_first(client: TestClient, models: dict[str, Any]) -> None:
    found = client.post("/items", json={"words": "BOOK 1", "n": 5}).json()
    assert len(found) == 5
    assert all("Book" in one["title"] and "1" in one["title"] + one["item"] for one in found)
    assert [one["users"] for one in found] == sorted((one["users"] for one in found), reverse=True)
    assert client.post("/items", json={"words": "nothing such"}).json() == []
    alike = client.post("/similar", json={"item": "Book 3", "n": 2}).json()
    assert [one["item"] for one in alike] == [name for name, _ in models["factors"].similar("i3", 2)]
    assert client.post("/rules", json={}).json()["columns"] == ["author", "genre"]


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/recommend", {"user": "nobody"}, 422, "is not known"),
        ("/recommend", {"usr": "u7"}, 422, "Did you mean 'user'"),
        ("/recommend", {}, 422, "neither a user nor favourites"),
        ("/recommend", [1], 422, "no JSON object"),
        ("/recommend", {"user": "u7", "n": 1001}, 413, "at most 1000"),
        ("/recommend", {"user": "u7", "n": "many"}, 422, "n='many'"),
        ("/recommend", {"user": {"a": 1}}, 422, "expected the name of one user"),
        ("/recommend", {"favourites": {"i3": 9}}, 422, "a rating between 1 and 5"),
        ("/recommend", {"user": "u7", "by": "uplift"}, 422, "by='uplift'"),
        ("/items", {"words": 3}, 422, "words=3"),
        ("/similar", {}, 422, "item=None"),
        ("/similar", {"item": "zz"}, 422, "item='zz'"),
        ("/rules", {"x": 1}, 422, "no 'x' to ask for"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(client: TestClient, path: str, body: Any, status: int, says: str) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_other_bodies_are_refused(client: TestClient) -> None:
    assert client.post("/recommend", content=b"{", headers={"content-type": "application/json"}).status_code == 422
    assert client.post("/recommend", content=b"a", headers={"content-type": "image/png"}).status_code == 415
    assert client.get("/recommend").status_code == 405
    said = client.get("/openapi.json").json()["paths"]
    assert {"/recommend", "/items", "/similar", "/rules", "/predict"} <= set(said)


def test_the_page_is_that_of_ratings(client: TestClient) -> None:
    assert "Recommend for whom?" in client.get("/").text
    about = client.get("/about").json()
    assert (about["user"], about["n_users"], about["scale"]) == ("user", 120, [1.0, 5.0])


def test_the_command_line_gives_a_line_for_each_item(
    saved: Path, models: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", str(saved), "--user", "u7", "-n", "3", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == models["factors"].recommend("u7", 3).as_json()
    assert set(lines[0]) == {"item", "score", "why", "title"}
    words = ["--like", "Book 3=5", "--like", "i4", "--at-most-per", "author=1", "--not-from", "genre=genre 2",
             "--by", "discovery", "-n", "3"]  # fmt: skip
    assert main(["recommend", str(saved), *words, "--json"]) == 0
    said = capsys.readouterr()
    right = models["factors"].recommend(
        favourites={"Book 3": 5, "i4": 5},
        n=3,
        at_most_per={"author": 1},
        not_from={"genre": ["genre 2"]},
        by="discovery",
    )
    assert [json.loads(line) for line in said.out.splitlines()] == right.as_json()
    assert "heuristic" in said.err
    assert main(["recommend", str(saved), "--user", "u7", "--not-from", "genre", "--seen", "-n", "2"]) == 0
    found = models["factors"].recommend("u7", 2, not_from="genre", exclude_seen=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(")")[0].split("(")[1] for line in lines] == list(found.items)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--user", "nobody"], 1, "--user nobody is not known"),
        ([], 1, "neither a user nor favourites"),
        (["--user", "u7", "-n", "0"], 2, "-n"),
        (["--user", "u7", "--at-most-per", "author"], 2, "COLUMN=N"),
        (["--user", "u7", "--at-most-per", "auther=1"], 1, "Did you mean 'author'"),
        (["--user", "u7", "--not-from", "genre", "--not-from", "author"], 2, "not several of these at once"),
        (["--like", "Morte"], 1, "Morte"),
        (["--like", "Book 3=9"], 1, "a rating between 1 and 5"),
        (["--like", "Book 3=much"], 1, "much"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    saved: Path, words: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recommend", str(saved), *words]) == status
    assert says in " ".join(capsys.readouterr().err.split())
