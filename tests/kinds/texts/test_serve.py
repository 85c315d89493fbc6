"""Texts in a service: plain or in JSON, one or many; which words an answer rests on, and whether to believe that."""

import json

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.kinds.texts import serve
from drivetrain.kinds.texts.explaining import sameness
from drivetrain.kinds.texts.word_places import without, words_of
from drivetrain.runtime.refusals import Refusal
from drivetrain.serving.settings import Settings
from drivetrain.text import readable
from tests.kinds.texts.tiny import WAIT, make_artefact
from tests.serving.conftest import running

CARD, PIN = "hello, my card is lost thank you", "again, the pin is blocked today"


def said(response):
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (CARD.encode(), "text/plain"),
        (CARD.encode(), "application/octet-stream"),
        (json.dumps({"question": CARD, "id": 7}).encode(), "application/json"),
        (json.dumps(CARD).encode(), "application/json"),
        (f"<p>{CARD}</p>".encode(), "text/html"),
        (CARD.encode("utf-16"), "text/plain"),
        (b'{"a brace at its beginning" my card is lost', "text/plain"),
    ],
    ids=["plain", "bytes", "row", "string", "html", "utf-16", "a brace"],
)
def test_one_text_gets_one_answer(service, body, media):
    assert said(service.post("/predict", body, headers={"content-type": media}))["label"] == "card"


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (f'id,question\n1,"{CARD}"\n2,"{PIN}"\n', "text/csv"),
        (f"question\tid\n{CARD}\t1\n{PIN}\t2\n", "text/tab-separated-values"),
        (json.dumps([CARD, {"question": PIN}]), "application/json"),
        (f"{json.dumps({'question': CARD})}\n{json.dumps({'question': PIN})}\n", "application/json"),
        (f"{json.dumps(CARD)}\n\n{json.dumps(PIN)}", "application/x-ndjson"),
    ],
    ids=["csv", "tsv", "list", "lines", "strings in lines"],
)
def test_many_texts_get_an_answer_each(service, body, media):
    answers = said(service.post("/predict", body.encode(), headers={"content-type": media}))
    assert [(one["row"], one["label"]) for one in answers] == [(1, "card"), (2, "pin")]


def test_of_many_texts_one_that_cannot_be_read_says_why(service):
    answers = said(service.post("/predict", b'["my card", " "]', headers={"content-type": "application/json"}))
    assert answers[0]["label"] == "card" and "the text is empty" in answers[1]["error"]
    answers = said(service.post("/predict", b"text\nmy card\n", headers={"content-type": "text/csv"}))
    assert answers[0]["label"] == "card", "whatever the column was called in training"


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "ISO-8859-5", "koi8-r", "utf-16", "utf-16-be"])
def test_a_body_is_read_in_the_encoding_that_it_announces(service, encoding):
    bodies = {"text/plain": "моя card", "application/json": '["моя card"]', "text/csv": "text\nмоя card"}
    for media, text in bodies.items():
        asked = {"content-type": f'{media}; charset="{encoding}"'}
        found = service.post("/predict", text.encode(encoding), headers=asked)
        answer = found.json() if media == "text/plain" else found.json()[0]
        assert answer["label"] == "card", found.json()
    media = {"content-type": f"text/plain;charset={encoding}"}
    assert service.post("/explain", "моя card".encode(encoding), headers=media).json()["text"] == "моя card"


@pytest.mark.parametrize(
    ("body", "media", "status", "words"),
    [
        (b"", "text/plain", 422, "empty"),
        (b" \n\t ", "text/plain", 422, "empty"),
        (b"x" * 60_000, "text/plain", 413, "more than 50,000 bytes"),
        (b"[1, null]", "application/json", 422, "row 1 of the JSON is neither a text nor an object"),
        (b'["a", 7]', "application/json", 422, "row 2 of the JSON is neither"),
        (b"[]", "application/json", 422, "no row"),
        (b"5", "application/json", 422, "no JSON that holds a text, a row or a list of these: 5"),
        (b'{"question": "my card', "application/json", 422, 'no JSON that holds a text, a row or a list of these: {"q'),
        (b"my card", "application/json", 422, "no JSON"),
        ("my card, größe".encode("cp1252"), "text/plain; charset=utf-8", 422, "not in utf-8, which its content-type"),
        (b"odd", "text/plain; charset=utf-16", 422, "not in utf-16"),
        (b"my card", "text/plain; charset=punycode", 415, "charset=punycode is not known; send UTF-8"),
        (b"my card", "text/plain; charset=no-such-one", 415, "charset=no-such-one is not known"),
        (b'["a"', "application/json", 422, "JSON"),
        (b'{"question": 1}\nno json', "application/x-ndjson", 422, "JSON"),
        (b'{"answer": "my card"}', "application/json", 422, "column 'question' is not there; the row has 'answer'"),
        (b'{"question": ["a"]}', "application/json", 422, "expected text"),
        (b'{"question": {"a": 1}}', "application/json", 422, "expected text"),
        (b"question,question\na,b\n", "text/csv", 422, "more than one column 'question'"),
        (b"question\na,b\n", "text/csv", 422, "row 1 of the CSV has 2 cells"),
        (b"\xff\xfe\x00", "text/csv", 422, "UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", 415, "text/plain"),
    ],
)
def test_what_cannot_be_answered_says_why(service, body, media, status, words):
    response = service.post("/predict", body or b" ", headers={"content-type": media})
    assert response.status_code == status and words in response.json()["error"]


def test_the_words_that_mattered_are_told_with_their_places(service):
    text = f"{CARD}. 👍🏽 Card!"
    found = said(service.post("/explain", text.encode(), headers={"content-type": "text/plain"}))
    assert found["label"] == found["of"] == "card" and found["text"] == text
    change = {}
    for word in found["words"]:
        change.setdefault(text[word["start"] : word["end"]].lower(), set()).add(word["change"])
    assert len(change["card"]) == 1, "at both places the same"
    assert min(change["card"]) > 0.05 > max(max(change[word]) for word in ("hello", "thank", "!"))
    assert "👍🏽" in change and found["asked"] == found["different"] == len(change)
    assert 0 <= abs(found["agreement"]) <= 1


def test_marks_are_those_of_an_answer_without_the_word(service, model_path):
    model = dt.load(model_path)
    found = said(service.post("/explain", CARD.encode()))
    whole, lacking = model.predict_array([CARD, CARD.replace("lost ", "")])[:, 0]
    lost = next(word for word in found["words"] if CARD[word["start"] : word["end"]] == "lost")
    assert lost["change"] == pytest.approx(whole - lacking, abs=1e-4)


def test_the_check_is_the_agreement_with_shuffled_copies(service, model_path):
    model = dt.load(model_path)
    found = said(service.post("/explain", CARD.encode()))
    texts = [CARD, *(without(CARD, [word]) for word in words_of(CARD))]
    views = model.reader.stack([model.read(text) for text in texts])
    own = np.array([word["change"] for word in found["words"]])
    same = []
    for engine in model.shuffled():
        probability = model.target.activate(engine(*views))[:, 0]
        same.append(sameness(own, probability[0] - probability[1:]))
    assert len(same) == 3 and found["agreement"] == pytest.approx(np.mean(same), abs=1e-3)


def test_of_a_number_words_add_and_take(tmp_path):
    with running(make_artefact(tmp_path, WAIT), Settings(threads=1)) as live:
        found = said(live.post("/explain", f"{CARD}, {PIN}".encode()))
        page = live.get("/page.js")
    assert found["of"] == "minutes" and set(found["values"]) == {"minutes"}
    changes = [word["change"] for word in found["words"]]
    assert max(changes) > 0 > min(changes) and found["least"] == pytest.approx(0.005 * 5)
    assert page.status_code == 200


def test_a_text_of_one_word_or_no_known_one_is_explained(service):
    for text in ("card", "?!", "xyzzy", "我的卡"):
        found = said(service.post("/explain", text.encode()))
        assert found["agreement"] is None or found["different"] >= 4, readable(text)


def test_time_runs_out_politely(model_path):
    with running(model_path, Settings(threads=1)) as live:
        model = live.service.model
        found = serve.explain(model, CARD.encode(), until=0.0)
    assert isinstance(found, Refusal) and found.status == 504


def test_answers_are_logged_with_what_the_texts_were_like(service):
    service.post("/predict", CARD.encode())
    rows = [json.loads(row) for row in service.log.read_text().splitlines()]
    assert {"characters", "words", "known words"} <= set(rows[-1]["inputs"])
    assert CARD not in service.log.read_text(), "never the text itself"


def test_the_page_says_what_a_column_is_called(service):
    assert said(service.get("/about"))["columns"] == ["question"]
