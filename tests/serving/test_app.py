"""What the routes answer."""

import asyncio
import base64
import json
import time

import httpx
import numpy as np
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.kinds.images.spec import PictureInput
from drivetrain.serving.settings import Settings
from tests.serving.conftest import QUICK, running
from tests.serving.tiny import COLOURS, NUMBER, SEVERAL, encoded, make_artefact, paint, picture

TOKEN = "a-token-that-is-long-enough"


# --- answers


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_as_the_body_gives_what_predict_gives(live, artefact, colour, format):
    data = picture(colour, format=format)
    found = live.post("/predict", data, headers={"content-type": f"image/{format.lower()}"})
    expected = dt.load(artefact).predict(data).as_json()
    assert found.status_code == 200
    assert found.json() == {key: value for key, value in expected.items() if key != "path"}
    assert found.json()["label"] == colour and found.json()["set"] == [colour]


def test_the_type_that_curl_sends_is_taken(live):
    found = live.post("/predict", picture("blue"), headers={"content-type": "application/x-www-form-urlencoded"})
    assert found.json()["label"] == "blue"


def test_files_give_a_list_in_their_order_with_errors_in_their_place(live):
    files = [
        ("file", ("a.png", picture("red"))),
        ("file", ("b.gif", b"GIF89a")),
        ("other", ("c.jpg", picture("green", format="JPEG"))),
    ]
    found = live.post("/predict", files=files, data={"note": "is ignored"})
    assert found.status_code == 200
    assert [row["file"] for row in found.json()] == ["a.png", "b.gif", "c.jpg"]
    assert [row.get("label") for row in found.json()] == ["red", None, "green"]
    assert found.json()[1]["error"] == "this is not a JPEG, PNG or WebP picture"


def test_one_file_is_a_list_of_one(live):
    found = live.post("/predict", files={"file": ("größe.png", picture("red"))})
    assert [(row["file"], row["label"]) for row in found.json()] == [("größe.png", "red")]


@pytest.mark.parametrize("target", [SEVERAL, NUMBER], ids=lambda target: target.kind)
def test_other_targets_answer_in_their_own_words(tmp_path, target):
    with running(make_artefact(tmp_path, target, metrics=()), Settings(threads=1)) as service:
        found = service.post("/predict", picture("red")).json()
        explained = service.post("/explain", picture("red")).json()
        outputs = service.get("/v2/models/colours").json()["outputs"]
    if target is SEVERAL:
        assert found["labels"] == ["red"] and len(found["top"]) == 3
    else:
        assert set(found["values"]) == {"red_g", "green_g", "blue_g"}
        assert outputs == [{"name": "values", "datatype": "FP64", "shape": [-1, 3]}]  # 32 bits round large numbers
    assert len(explained["change"]) == 7


def test_the_explanation_finds_the_part_that_counts(live):
    image = Image.new("RGB", (64, 48), (20, 20, 20))
    image.paste((255, 0, 0), (36, 6, 52, 20))
    found = live.post("/explain", encoded(image)).json()
    change = found["change"]
    best = max((value, y, x) for y, row in enumerate(change) for x, value in enumerate(row))
    assert found["label"] == "red" and best[1] <= 2 and best[2] >= 4 and best[0] > 0.05
    assert change[6][0] < best[0] / 2
    reader = PictureInput(channels=3, size_px=24, crop_pct=0.875, mean=(0.5,) * 3, std=(0.25,) * 3)
    height, width = reader.load(image)[0].shape[:2]
    assert found["square"] == pytest.approx(
        {"left": (width - 24) / 2 / width, "top": 1.5 / 27, "width": 24 / width, "height": 24 / height}
    )


def test_one_picture_at_a_time_is_explained(live):
    files = [("file", (f"{i}.png", picture("red"))) for i in range(2)]
    assert live.post("/explain", files=files).status_code == 413
    assert live.post("/explain", b"no picture").status_code == 415


# --- what is refused


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"", {}, 422),
        (b"not a picture", {}, 415),
        (b"{}", {"content-type": "application/json"}, 415),
        (b"x", {"content-type": "text/plain"}, 415),
        (b"\xff\xd8\xff rubbish", {}, 422),
        (bytes(250_000), {}, 413),
        (b"x", {"content-type": "multipart/form-data"}, 400),
        (b"x", {"content-type": "multipart/form-data; boundary="}, 400),
        (b"x" * 500, {"content-type": "multipart/form-data; boundary=yes"}, 400),
        (b"--yes--\r\n", {"content-type": "multipart/form-data; boundary=yes"}, 400),
    ],
)
def test_what_cannot_be_answered_says_why(live, data, headers, status):
    found = live.post("/predict", data, headers=headers)
    assert found.status_code == status
    assert list(found.json()) == ["error"] and len(found.json()["error"]) > 20


def test_too_many_files_and_too_large_a_file(live):
    many = [("file", (f"{i}.png", picture("red"))) for i in range(9)]
    found = live.post("/predict", files=many)
    assert found.status_code == 413 and "8 files" in found.json()["error"]
    found = live.post("/predict", files={"file": ("a.png", bytes(250_000))})
    assert found.status_code == 413 and "200,000 bytes" in found.json()["error"]
    assert live.post("/predict", data={"note": "x" * 5000}, files={"file": picture("red")}).status_code == 413


def test_no_other_methods_and_no_other_places(live):
    assert live.get("/predict").status_code == 405
    assert httpx.delete(live.url + "/v2/models/colours").status_code == 405
    for path in ("/v2/repository/models/colours/load", "/../manifest.json", "/page.py", "//", "/redoc"):
        found = live.get(path)
        assert found.status_code == 404 and list(found.json()) == ["error"]


# --- the protocol


def test_open_inference_protocol_metadata(live):
    assert live.get("/v2").json()["name"] == "drivetrain"
    assert live.get("/v2/health/live").json() == {"live": True}
    assert live.get("/v2/health/ready").json() == {"ready": True, "reason": None}
    found = live.get("/v2/models/colours").json()
    assert found["inputs"][0] == {"name": "pixels", "datatype": "UINT8", "shape": [-1, 24, 24, 3]}
    assert found["outputs"][0] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}
    assert live.get("/v2/models/colours/ready").json() == {"name": "colours", "ready": True}
    assert live.get("/v2/models/other").status_code == 404


def infer(live, *inputs, **more):
    return live.post("/v2/models/colours/infer", json.dumps({"inputs": inputs, **more}).encode())


def test_inference_on_tensors_and_on_encoded_pictures_agree(live, artefact):
    model = dt.load(artefact)
    pictures = [picture(colour) for colour in COLOURS]
    pixels = [model.read(one)[0] for one in pictures]
    nested = {"name": "pixels", "shape": [3, 24, 24, 3], "datatype": "UINT8", "data": [one.tolist() for one in pixels]}
    flat = {**nested, "data": [value for one in pixels for value in one.ravel().tolist()]}
    texts = [base64.b64encode(one).decode() for one in pictures]
    encoded_ = {"name": "pictures", "shape": [3], "datatype": "BYTES", "data": texts}
    answers = [infer(live, one, id="7").json() for one in (nested, flat, encoded_)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["id"] == "7" and answers[0]["model_name"] == "colours"
    probabilities, labels = answers[0]["outputs"]
    assert labels["data"] == list(COLOURS) and probabilities["shape"] == [3, 3]
    expected = [prediction.probability for prediction in model.predict_many(pictures)]
    assert [probabilities["data"][4 * i] for i in range(3)] == pytest.approx(expected, abs=1e-6)
    only = infer(live, encoded_, outputs=[{"name": "label"}]).json()
    assert [output["name"] for output in only["outputs"]] == ["label"] and "id" not in only


GOOD = {"name": "pictures", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(picture("red")).decode()]}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"data": ["no base64!"]}, 400),
        ({"data": [7]}, 400),
        ({"data": []}, 400),
        ({"shape": [2]}, 400),
        ({"shape": [0]}, 400),
        ({"shape": []}, 400),
        ({"shape": [1, 1]}, 400),
        ({"shape": [9], "data": ["x"] * 9}, 413),
        ({"shape": [10**30]}, 413),
        ({"name": "other"}, 400),
        ({"datatype": "FP32"}, 400),
        ({"data": [base64.b64encode(b"GIF89a").decode()]}, 415),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3]}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [1, 2]}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [256] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [-1] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [0.5] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [[1], 2]}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": []}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 3, 24], "data": [1] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": ["1"] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [1] * 1727 + ["y" * 100_000]}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [True] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [None] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [10**30] * 1728}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [[[[1] * 4] * 24] * 18]}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 24, 24, 3], "data": [[[[1] * 3] * 24] * 23]}, 400),
        ({"name": "pixels", "datatype": "UINT8", "shape": [2**62, 24, 24, 3], "data": [1] * 1728}, 413),
    ],
)
def test_wrong_inputs_are_refused(live, change, status):
    assert infer(live, GOOD).status_code == 200
    found = infer(live, {**GOOD, **change})
    assert found.status_code == status, found.text
    assert list(found.json()) == ["error"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"inputs": []}', 400),
        (b'{"inputs": [1]}', 400),
        (b"[" * 100_000, 413),
        (b"[" * 9_000, 400),
        (b'{"inputs": [' + b"1," * 60_000 + b"1]}", 413),
        (b'{"a": "\xff"}', 400),
    ],
)
def test_wrong_json_is_refused(live, body, status):
    assert live.post("/v2/models/colours/infer", body).status_code == status


def binary(live, head, rest=b"", length=None, **headers):
    said = json.dumps(head).encode()
    headers = {"Inference-Header-Content-Length": str(len(said)) if length is None else length, **headers}
    kind = {"Content-Type": "application/octet-stream"}
    return httpx.post(live.url + "/v2/models/colours/infer", content=said + rest, headers={**kind, **headers})


def test_values_as_bytes_get_the_same_answer(live, artefact):
    model = dt.load(artefact)
    pictures = [picture(colour) for colour in COLOURS]
    pixels = np.stack([model.read(one)[0] for one in pictures]).tobytes()
    raw = b"".join(len(one).to_bytes(4, "little") + one for one in pictures)
    as_tensor: dict = {"name": "pixels", "shape": [3, 24, 24, 3], "datatype": "UINT8"}
    encoded_ = {"name": "pictures", "shape": [3], "datatype": "BYTES"}
    texts = [base64.b64encode(one).decode() for one in pictures]
    expected = infer(live, {**encoded_, "data": texts}).json()
    as_tensor["parameters"] = {"binary_data_size": len(pixels)}
    tensor = {**encoded_, "parameters": {"binary_data_size": len(raw)}}
    assert binary(live, {"inputs": [as_tensor]}, pixels).json() == expected
    assert binary(live, {"inputs": [tensor]}, raw).json() == expected
    found = binary(live, {"inputs": [tensor], "parameters": {"binary_data_output": True}}, raw)
    end = int(found.headers["Inference-Header-Content-Length"])
    probabilities, labels = json.loads(found.content[:end])["outputs"]
    assert "data" not in probabilities and probabilities["parameters"] == {"binary_data_size": 36}
    said = np.frombuffer(found.content[end : end + 36], "<f4")
    assert said.tolist() == pytest.approx(expected["outputs"][0]["data"])
    words = b"".join(len(name).to_bytes(4, "little") + name.encode() for name in COLOURS)
    assert found.content[end + 36 :] == words and labels["parameters"] == {"binary_data_size": len(words)}
    wanted = {"name": "label", "parameters": {"binary_data": True}}
    found = binary(live, {"inputs": [tensor], "outputs": [wanted]}, raw)
    assert found.content.endswith(words)
    plain = {**wanted, "parameters": {"binary_data": False}}
    parameters = {"binary_data_output": True}
    assert binary(live, {"inputs": [tensor], "outputs": [plain], "parameters": parameters}, raw).json()["outputs"]


PIXELS = {"name": "pixels", "shape": [1, 24, 24, 3], "datatype": "UINT8", "parameters": {"binary_data_size": 1728}}
ENCODED = {"name": "pictures", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 9}}


@pytest.mark.parametrize(
    ("tensor", "rest", "length"),
    [
        (PIXELS, b"x" * 1727, None),
        (PIXELS, b"x" * 1729, None),
        (PIXELS, b"x" * 1728, "0"),
        (PIXELS, b"x" * 1728, "-1"),
        (PIXELS, b"x" * 1728, "99999999"),
        (PIXELS, b"x" * 1728, "9" * 40),
        (PIXELS, b"x" * 1728, "x"),
        ({**PIXELS, "shape": [1, 24, 24, 4]}, b"x" * 1728, None),
        ({**PIXELS, "shape": [2, 24, 24, 3]}, b"x" * 1728, None),
        ({**PIXELS, "datatype": "FP32"}, b"x" * 1728, None),
        ({**PIXELS, "parameters": {"binary_data_size": -1}}, b"x" * 1728, None),
        ({**PIXELS, "parameters": {"binary_data_size": "1728"}}, b"x" * 1728, None),
        ({**PIXELS, "parameters": {}}, b"", None),
        (ENCODED, b"\x06\0\0\0GIF89", None),
        (ENCODED, b"\xff\xff\xff\xffGIF89", None),
        (ENCODED, b"\0" * 9, None),
        ({**ENCODED, "shape": [2]}, b"\x05\0\0\0GIF89", None),
    ],
)
def test_wrong_bytes_are_refused(live, tensor, rest, length):
    found = binary(live, {"inputs": [tensor]}, rest, length)
    assert found.status_code == 400, found.text
    assert list(found.json()) == ["error"]


def test_bytes_without_the_header_are_no_json(live):
    kind = {"Content-Type": "application/octet-stream"}
    assert httpx.post(live.url + "/v2/models/colours/infer", content=b"{}", headers=kind).status_code == 415


def test_the_client_of_the_protocol_understands_it(live, artefact):
    """NVIDIA's own client, as it comes: values as bytes; and with JSON alone."""
    client_of = pytest.importorskip("tritonclient.http")
    client = client_of.InferenceServerClient(live.url.partition("//")[2])
    try:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("colours")
        assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        described = client.get_model_metadata("colours")
        model = dt.load(artefact)
        pictures = [picture(colour) for colour in COLOURS]
        pixels = np.stack([model.read(one)[0] for one in pictures])
        expected = [prediction.label for prediction in model.predict_many(pictures)]
        for as_bytes in (True, False):
            asked = client_of.InferInput("pixels", list(pixels.shape), described["inputs"][0]["datatype"])
            asked.set_data_from_numpy(pixels, binary_data=as_bytes)
            wanted = [client_of.InferRequestedOutput(o["name"], binary_data=as_bytes) for o in described["outputs"]]
            found = client.infer("colours", [asked], outputs=wanted)
            labels = [word.decode() if isinstance(word, bytes) else word for word in found.as_numpy("label")]
            assert labels == expected
            assert found.as_numpy("probabilities").shape == (3, 3)
        encoded_ = client_of.InferInput("pictures", [3], "BYTES")
        encoded_.set_data_from_numpy(np.array(pictures, object))
        assert [word.decode() for word in client.infer("colours", [encoded_]).as_numpy("label")] == expected
    finally:
        client.close()


def test_the_client_of_kserve_understands_it(live, artefact):
    """KServe's own client: values as bytes, and as JSON alone."""
    kserve = pytest.importorskip("kserve", reason="kserve is not installed: it needs older pandas and protobuf")
    model = dt.load(artefact)
    pictures = [picture(colour) for colour in COLOURS]
    pixels = np.stack([model.read(one)[0] for one in pictures])
    expected = [prediction.label for prediction in model.predict_many(pictures)]

    async def ask():
        client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2", retries=0))
        try:
            ready = [await getattr(client, f"is_server_{what}")(live.url) for what in ("live", "ready")]
            ready.append(await client.is_model_ready(live.url, "colours"))
            found = []
            for as_bytes in (True, False):
                tensor = kserve.InferInput("pixels", list(pixels.shape), "UINT8")
                tensor.set_data_from_numpy(pixels, binary_data=as_bytes)
                encoded_ = kserve.InferInput("pictures", [3], "BYTES")
                values = pictures if as_bytes else [base64.b64encode(one) for one in pictures]
                encoded_.set_data_from_numpy(np.array(values, object), binary_data=as_bytes)
                for one in (tensor, encoded_):
                    request = kserve.InferRequest("colours", [one], parameters={"binary_data_output": as_bytes})
                    found.append(await client.infer(live.url, request, model_name="colours"))
            return ready, found
        finally:
            await client.close()

    ready, found = asyncio.run(ask())
    assert ready == [True, True, True]
    for answer in found:
        outputs = {output.name: output for output in answer.outputs}
        labels = [word.decode() if isinstance(word, bytes) else word for word in outputs["label"].as_numpy()]
        assert labels == expected
        assert outputs["probabilities"].as_numpy().shape == (3, 3)


def test_an_output_that_is_not_there(live):
    assert infer(live, GOOD, outputs=[{"name": "shape"}]).status_code == 400


# --- health, counts, pages


def test_readiness_needs_golden_examples_that_come_out_as_saved(tmp_path):
    with running(make_artefact(tmp_path, golden_is_wrong=True), Settings(threads=1)) as service:
        assert service.get("/livez").status_code == 200
        for path in ("/readyz", "/v2/health/ready", "/v2/models/colours/ready"):
            assert service.get(path).status_code == 503
        assert "golden" in service.get("/readyz").json()["reason"]
        refused = service.post("/predict", picture("red"))
        assert refused.status_code == 503 and "retry-after" in refused.headers
        assert "drivetrain_ready 0.0" in service.get("/metrics").text


def value(metrics: str, name: str) -> float:
    return next((float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(name)), 0.0)


def test_metrics_count_what_happened(artefact):
    with running(artefact, Settings(threads=1, limits=QUICK)) as service:
        for colour in ("red", "red", "blue"):
            service.post("/predict", picture(colour))
        service.post("/predict", b"GIF89a")
        service.get("/nowhere")
        found = service.get("/metrics")
    text = found.text
    assert found.headers["content-type"].startswith("text/plain")
    assert value(text, 'drivetrain_requests_total{code="200",method="POST",route="/predict"}') == 3
    assert value(text, 'drivetrain_requests_total{code="415",method="POST",route="/predict"}') == 1
    assert value(text, 'drivetrain_requests_total{code="404",method="GET",route="other"}') == 1
    assert value(text, 'drivetrain_predictions_total{label="red"}') == 2
    assert value(text, 'drivetrain_refused_pictures_total{code="415"}') == 1
    assert value(text, 'drivetrain_confidence_bucket{le="1.0"}') == value(text, "drivetrain_confidence_count") == 3
    for stage in ("queue", "decode", "inference"):
        assert value(text, f'drivetrain_predict_seconds_count{{stage="{stage}"}}') == 3
    assert value(text, "drivetrain_queue_depth") == 0 and value(text, "process_resident_memory_bytes") > 1e6
    assert f'sha256="{service.service.model.sha256}"' in text


def test_pages_load_nothing_from_elsewhere_and_run_no_inline_script(live):
    kinds = {
        "/": "html",
        "/page.css": "css",
        "/page.js": "javascript",
        "/model.js": "javascript",
        "/many.js": "javascript",
        "/mattered.js": "javascript",
        "/icon.svg": "svg",
    }
    for path, kind in kinds.items():
        found = live.get(path)
        assert found.status_code == 200 and kind in found.headers["content-type"]
        assert "http:" not in found.text.replace("http://www.w3.org/2000/svg", "") and "https:" not in found.text
    docs = live.get("/docs")
    assert "/v2/models/{name}/infer" in docs.text and "<script" not in docs.text and "https:" not in docs.text
    for text in (live.get("/").text, docs.text):
        assert "style=" not in text and "onclick" not in text


def test_every_answer_has_strict_headers(live):
    for found in (live.get("/"), live.get("/nowhere"), live.post("/predict", b""), live.get("/metrics")):
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert "unsafe" not in found.headers["content-security-policy"]
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in found.headers and "server" not in found.headers


def test_about_says_how_good_it_is_and_names_no_place(live):
    found = live.get("/about").json()
    assert found["validation"] == [{"metric": "accuracy", "value": 0.95, "low": 0.863, "high": 0.983, "n": 60}]
    assert found["n"]["train"] == 180 and found["target"]["answers"] == list(COLOURS)
    assert found["kept"] == 0 and found["test"] is None


# --- who may ask


def test_the_token_opens_all_but_health_and_the_bare_page(artefact):
    with running(artefact, Settings(threads=1, token=TOKEN)) as service:
        for path in ("/", "/page.js", "/model.js", "/livez", "/readyz", "/v2/health/ready"):
            assert service.get(path).status_code == 200, path
        wrong = [
            {},
            {"authorization": TOKEN},
            {"authorization": f"Basic {TOKEN}"},
            {"authorization": f"Bearer {TOKEN}x"},
        ]
        for headers in [*wrong, {"authorization": "Bearer"}, {"authorization": b"Bearer \xff"}]:
            for path in ("/about", "/metrics", "/v2/models/colours", "/nowhere"):
                found = service.get(path, headers=headers)
                assert (found.status_code, found.headers["www-authenticate"]) == (401, "Bearer")
            assert service.post("/predict", picture("red"), headers=headers).status_code == 401
        good = {"authorization": f"Bearer {TOKEN}", "host": "any.example"}
        assert service.post("/predict", picture("red"), headers=good).json()["label"] == "red"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[::2]", "x@localhost@y"]
)
def test_other_names_that_point_here_are_refused(live, host):
    found = live.get("/livez", headers={"host": host})
    assert found.status_code == 421
    assert live.get("/livez", headers={"host": "localhost:9"}).status_code == 200


def test_pages_of_other_sites_are_refused(live):
    assert live.post("/predict", picture("red"), headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert live.post("/predict", picture("red"), headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_logs_are_json_without_payloads(live, capfd):
    name = "holiday-with-grandmother.png"
    live.post("/predict", files={"file": (name, picture("red"))}, params={"secret": "word"})
    live.post("/predict?secret=word", b"\xff\xd8\xff grandmother")
    written, patience = "", time.monotonic() + 10
    while '"status":422' not in written and time.monotonic() < patience:  # written after the answer was sent
        written += capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]  # maybe that of the test before, too
    assert [line["status"] for line in lines if line["event"] == "request"][-2:] == [200, 422]
    assert "grandmother" not in str(lines) and "word" not in str(lines)
    assert all(line["ms"] > 0 and line["bytes_in"] > 0 for line in lines)


def test_a_picture_of_any_shape_is_answered(live):
    for size in ((1, 1), (2000, 1), (1, 2000), (5, 900)):
        assert live.post("/predict", encoded(paint("green", size=size))).json()["label"] == "green"
