"""Queries, answered by a function of somebody's own."""

import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.collecting import providers
from drivetrain.errors import DataError, SettingError


def of(server):
    asked = []

    def provider(query):
        asked.append(query)
        start = {"fig": 0, "pear": 10}.get(query, 20)
        for i in range(start, start + 2):
            yield {"url": server.url(f"/picture/{i}.jpg"), "license": "CC0", "more": None}

    return provider, asked


def test_queries_are_labels_and_answers_are_kept(fresh, gather, tmp_path):
    provider, asked = of(fresh)
    found = gather(fresh, ["fig", "pear"], tmp_path, provider=provider)
    assert found.kept == {"fig": 2, "pear": 2} and asked == ["fig", "pear"]
    gather(fresh, ["fig", "pear", "plum"], tmp_path, provider=provider)
    assert asked == ["fig", "pear", "plum"]
    assert sorted(pd.read_csv(tmp_path / "collected.csv").label.unique()) == ["fig", "pear", "plum"]


def test_a_provider_of_a_package_is_found_by_name(fresh, gather, tmp_path, monkeypatch):
    provider, _ = of(fresh)

    class Entry:
        name = "museum"

        def load(self):
            return provider

    monkeypatch.setattr(providers, "entry_points", lambda group: [Entry()] if group == "drivetrain.providers" else [])
    assert gather(fresh, "fig", tmp_path, provider="museum").n_kept == 2
    with pytest.raises(SettingError, match="Did you mean 'museum'"):
        gather(fresh, "fig", tmp_path, provider="musem")


def fails(query):
    raise KeyError("no key")


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (fails, "fails failed for 'fig': KeyError"),
        (lambda query: ["https://a.org"], "gave 'https://a.org' for 'fig'"),
        (lambda query: 3, "failed for 'fig': TypeError"),
    ],
    ids=["raises", "texts", "number"],
)
def test_a_provider_that_fails_is_told(provider, said, tmp_path):
    with pytest.raises(DataError, match=said):
        dt.collect("fig", tmp_path, provider=provider)


def test_a_provider_without_rows_is_told(tmp_path):
    with (
        pytest.warns(dt.DrivetrainWarning, match="no rows for 'fig'"),
        pytest.raises(DataError, match="gave no row for 'fig'"),
    ):
        dt.collect("fig", tmp_path, provider=lambda query: [])


@pytest.mark.parametrize("provider", [3, "x", object()], ids=range(3))
def test_what_is_no_provider_is_refused(provider, tmp_path):
    with pytest.raises(SettingError, match="a function from a query to rows"):
        dt.collect("fig", tmp_path, provider=provider)
