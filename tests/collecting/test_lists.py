"""Lists as search engines, interfaces and programs write them: which address, label, licence and origin is read."""

import gzip
import json

import pandas as pd
import pytest

from drivetrain.collecting.lists import read_lists
from drivetrain.errors import DataError, SettingError

PICTURE = "https://images.example.org/1.jpg"
PAGE = "https://www.example.org/page"
THUMB = "https://thumbs.example.org/1.jpg"

FORMS = {
    "openverse": (
        {
            "result_count": 1,
            "results": [
                {
                    "id": "4bc4",
                    "title": "A fig",
                    "foreign_landing_url": PAGE,
                    "url": PICTURE,
                    "creator": "Ada",
                    "creator_url": "https://www.example.org/ada",
                    "license": "by-sa",
                    "license_version": "2.0",
                    "license_url": "https://creativecommons.org/licenses/by-sa/2.0/",
                    "category": "photograph",
                    "thumbnail": THUMB,
                    "tags": [{"name": "fig", "accuracy": None}],
                }
            ],
        },
        (PICTURE, "", "CC BY-SA 2.0", PAGE),
    ),
    "wikimedia": (
        {
            "batchcomplete": "",
            "query": {
                "pages": {
                    "317966": {
                        "pageid": 317966,
                        "title": "File:Fig.jpg",
                        "imageinfo": [
                            {
                                "url": PICTURE,
                                "descriptionurl": PAGE,
                                "descriptionshorturl": "https://commons.wikimedia.org/w/index.php?curid=317966",
                                "extmetadata": {
                                    "LicenseShortName": {"value": "CC BY 4.0", "source": "commons-desc-page"},
                                    "Artist": {"value": '<a href="//x.org">Ada</a>'},
                                },
                            }
                        ],
                    }
                }
            },
        },
        (PICTURE, "", "CC BY 4.0", PAGE),
    ),
    "wikimedia, second form": (
        {"query": {"pages": [{"title": "File:Fig.jpg", "imageinfo": [{"url": PICTURE, "descriptionurl": PAGE}]}]}},
        (PICTURE, "", "", PAGE),
    ),
    "bing": (
        {
            "_type": "Images",
            "value": [
                {"name": "Fig", "thumbnailUrl": THUMB, "contentUrl": PICTURE, "hostPageUrl": PAGE, "width": 900}
            ],
        },
        (PICTURE, "", "", PAGE),
    ),
    "flickr": (
        {
            "photos": {
                "page": 1,
                "photo": [
                    {
                        "id": "513", "owner": "9@N0", "secret": "ab", "server": "65", "farm": 66, "title": "Fig",
                        "license": "4",
                    }
                ],
            },
            "stat": "ok",
        },
        ("https://live.staticflickr.com/65/513_ab_b.jpg", "", "CC BY 2.0", "https://www.flickr.com/photos/9@N0/513"),
    ),
    "inaturalist": (
        {
            "total_results": 1,
            "results": [
                {
                    "uri": PAGE,
                    "taxon": {"name": "Ficus carica", "default_photo": {"square_url": THUMB}},
                    "photos": [
                        {
                            "id": 1,
                            "license_code": "cc-by",
                            "url": "https://static.inaturalist.org/photos/1/square.jpg",
                            "attribution": "(c) Ada",
                        }
                    ],
                }
            ],
        },
        ("https://static.inaturalist.org/photos/1/medium.jpg", "Ficus carica", "cc-by", PAGE),
    ),
    "gbif": (
        {
            "offset": 0,
            "results": [
                {
                    "key": 1,
                    "species": "Ficus carica",
                    "license": "http://creativecommons.org/licenses/by/4.0/legalcode",
                    "media": [
                        {
                            "type": "StillImage",
                            "identifier": PICTURE,
                            "references": PAGE,
                            "license": "CC0",
                            "rightsHolder": "Ada",
                        }
                    ],
                }
            ],
        },
        (PICTURE, "Ficus carica", "CC0", PAGE),
    ),
    "serpapi": (
        {"images_results": [{"thumbnail": THUMB, "original": PICTURE, "link": PAGE, "source": "Example"}]},
        (PICTURE, "", "", PAGE),
    ),
    "google": (
        {"items": [{"title": "Fig", "link": PICTURE, "image": {"contextLink": PAGE, "thumbnailLink": THUMB}}]},
        (PICTURE, "", "", PAGE),
    ),
    "pixabay": (
        {"hits": [{"pageURL": PAGE, "previewURL": THUMB, "webformatURL": THUMB, "largeImageURL": PICTURE}]},
        (PICTURE, "", "", PAGE),
    ),
    "pexels": (
        {"photos": [{"url": PAGE, "photographer": "Ada", "src": {"original": PICTURE, "tiny": THUMB}, "alt": "Fig"}]},
        (PICTURE, "", "", PAGE),
    ),
    "unsplash": (
        {"results": [{"urls": {"raw": PICTURE, "thumb": THUMB}, "links": {"html": PAGE}, "alt_description": "Fig"}]},
        (PICTURE, "", "", PAGE),
    ),
    "duckduckgo": (
        {"results": [{"title": "Fig", "image": PICTURE, "thumbnail": THUMB, "url": PAGE, "source": "Bing"}]},
        (PICTURE, "", "", PAGE),
    ),
    "xeno-canto": (
        {
            "recordings": [
                {
                    "id": "1", "gen": "Turdus", "sp": "merula", "en": "Blackbird", "url": "//xeno-canto.org/1",
                    "file": "https://xeno-canto.org/1/download", "lic": "//creativecommons.org/licenses/by-nc/4.0/",
                }
            ]
        },
        (
            "https://xeno-canto.org/1/download",
            "Turdus merula",
            "//creativecommons.org/licenses/by-nc/4.0/",
            "//xeno-canto.org/1",
        ),
    ),
    "a list of addresses": ([PICTURE], (PICTURE, "", "", "")),
    "one object": ({"url": PICTURE, "label": "fig"}, (PICTURE, "fig", "", "")),
}  # fmt: skip
TABLES = {
    "laion": (
        {"URL": PICTURE, "TEXT": "a fig", "WIDTH": 3, "similarity": 0.3, "LICENSE": "?"},
        (PICTURE, "", "?", ""),
    ),
    "open images": (
        {
            "ImageID": "000a", "Subset": "train", "OriginalURL": PICTURE, "OriginalLandingURL": PAGE,
            "License": "https://creativecommons.org/licenses/by/2.0/", "AuthorProfileURL": THUMB, "Author": "Ada",
            "Thumbnail300KURL": THUMB,
        },
        (PICTURE, "", "https://creativecommons.org/licenses/by/2.0/", PAGE),
    ),
    "inaturalist's export": (
        {
            "id": 1, "url": PAGE, "image_url": PICTURE, "license": "CC-BY-NC", "scientific_name": "Ficus carica",
            "common_name": "fig", "user_login": "ada",
        },
        (PICTURE, "Ficus carica", "CC-BY-NC", PAGE),
    ),
    "gbif's multimedia": (
        {
            "gbifID": 1, "type": "StillImage", "format": "image/jpeg", "identifier": PICTURE, "references": PAGE,
            "license": "CC0", "rightsHolder": "Ada",
        },
        (PICTURE, "", "CC0", PAGE),
    ),
    "plain": ({"url": PICTURE, "class": "fig"}, (PICTURE, "fig", "", "")),
    "any name": ({"where": PICTURE, "class": "fig"}, (PICTURE, "fig", "", "")),
    "query": ({"image_url": PICTURE, "query": "fig", "source": PAGE}, (PICTURE, "fig", "", PAGE)),
}  # fmt: skip


def read(found):
    [one] = found.wanted
    return one.url, one.label, one.license, one.origin


@pytest.mark.parametrize("name", FORMS)
def test_json(name, tmp_path):
    said, expected = FORMS[name]
    path = tmp_path / "list.json"
    path.write_text(json.dumps(said))
    assert read(read_lists(path)) == expected


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".jsonl", ".json", ".parquet", ".csv.gz"])
def test_tables(name, suffix, tmp_path):
    row, expected = TABLES[name]
    path = tmp_path / f"list{suffix}"
    frame = pd.DataFrame([row])
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".csv.gz":
        path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    elif suffix in (".json", ".jsonl"):
        frame.to_json(path, orient="records", lines=suffix == ".jsonl")
    else:
        frame.to_csv(path, index=False, sep="," if suffix == ".csv" else "\t")
    assert read(read_lists(str(path))) == expected
    assert read(read_lists(frame)) == read(read_lists([row])) == expected


def test_a_text_of_addresses(tmp_path):
    path = tmp_path / "figs.txt"
    path.write_text(f"# figs\n{PICTURE}\n\n  https://a.org/2.jpg?x=1,2 \nnot an address\n")
    found = read_lists(path)
    assert [one.url for one in found.wanted] == [PICTURE, "https://a.org/2.jpg?x=1,2"]
    assert found.refused == (("not an address", "no web address: 'not an address'"),)


def test_captions_and_addresses_without_a_header(tmp_path):
    """As Conceptual Captions come."""
    path = tmp_path / "list.tsv"
    path.write_text(f"a fig on a plate\t{PICTURE}\na pear\thttps://a.org/2.jpg\n")
    found = read_lists(path)
    assert [(one.url, one.title) for one in found.wanted] == [
        (PICTURE, "a fig on a plate"),
        ("https://a.org/2.jpg", "a pear"),
    ]


def test_several_lists_without_labels_name_the_classes(tmp_path):
    for name in ("fig", "pear"):
        (tmp_path / f"{name}.txt").write_text(f"https://a.org/{name}.jpg\n")
    found = read_lists([tmp_path / "fig.txt", tmp_path / "pear.txt"])
    assert [one.label for one in found.wanted] == ["fig", "pear"]
    assert str(found.decisions["label of fig"]) == "fig (the name of the list, which has no column of labels)"


def test_a_folder_of_lists_is_one_list(tmp_path):
    for name in ("00000", "00001"):
        pd.DataFrame({"URL": [f"https://a.org/{name}.jpg"], "TEXT": ["x"]}).to_parquet(tmp_path / f"{name}.parquet")
    found = read_lists(tmp_path)
    assert [(one.url, one.label) for one in found.wanted] == [
        ("https://a.org/00000.jpg", ""),
        ("https://a.org/00001.jpg", ""),
    ]


def test_addresses_that_differ_by_spelling_alone_are_one():
    found = read_lists(["https://A.org/a b.jpg", "https://a.org:443/a%20b.jpg#top", "//a.org/a%20b.jpg"])
    assert len(found.wanted) == 1 and found.repeated == 2


def test_one_address_under_two_labels_is_not_asked_for():
    found = read_lists([{"url": PICTURE, "label": "fig"}, {"url": PICTURE, "label": "pear"}])
    assert found.wanted == () and found.refused == ((PICTURE, "two labels for one address: 'fig', 'pear'"),)


def test_rows_without_address_or_label_are_told():
    rows = [{"url": PICTURE, "label": "fig"}, {"url": None, "label": "fig"}, {"url": "https://a.org/2", "label": " "}]
    assert [reason for _, reason in read_lists(rows).refused] == [
        "no address: the cell is empty",
        "no label: the cell is empty",
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"a": PICTURE, "b": PICTURE}], "expected one column of them"),
        ([{"a": "x", "b": "y"}], "holds web addresses"),
        ({"a": [PICTURE]}, None),
    ],
)
def test_it_is_asked_where_it_is_not_clear(rows, said):
    if said is None:
        assert read_lists(rows).wanted[0].url == PICTURE
        return
    with pytest.raises(DataError, match=said):
        read_lists(rows)


def test_columns_can_be_named():
    rows = [{"a": PICTURE, "b": THUMB, "what": "fig"}]
    found = read_lists(rows, url="b", label="what")
    assert (found.wanted[0].url, found.wanted[0].label) == (THUMB, "fig")
    with pytest.raises(DataError, match="Did you mean 'what'"):
        read_lists(rows, url="b", label="wat")


@pytest.mark.parametrize("lists", [3, None, [], [3], object()], ids=range(5))
def test_what_is_no_list_is_refused(lists):
    with pytest.raises((SettingError, DataError), match="expected"):
        read_lists(lists)


@pytest.mark.parametrize("text", ["{", "[1, 2]", "", "{}", '{"results": []}', "[" * 100_000])
def test_json_without_rows(text, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(text)
    with pytest.raises(DataError, match="To fix"):
        read_lists(path)


def test_lines_of_json_may_hold_what_ends_a_line_elsewhere(tmp_path):
    rows = [{"url": f"https://a.org/{i}.jpg", "caption": "one\u2028two\x85three"} for i in range(2)]
    path = tmp_path / "list.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    assert len(read_lists(path).wanted) == 2


def test_json_with_addresses_by_class(tmp_path):
    path = tmp_path / "list.json"
    path.write_text(
        json.dumps({"fig": ["https://a.org/1.jpg"], "pear": ["https://a.org/2.jpg", "https://a.org/3.jpg"]})
    )
    assert [one.label for one in read_lists(path).wanted] == ["fig", "pear", "pear"]
    path.write_text(json.dumps({"url": ["https://a.org/1.jpg"], "thumbnail_url": ["https://a.org/2.jpg"]}))
    assert [one.label for one in read_lists(path).wanted] == [""]


def test_that_no_label_was_found_is_told():
    found = read_lists([{"Adresse": "https://a.org/1.jpg", "Klasse": "Birne", "license": "CC0"}])
    assert found.wanted[0].label == "" and "others are 'Klasse', pass label=" in str(found.decisions["no label"])
    assert "no label" not in read_lists(["https://a.org/1.jpg"]).decisions
