"""Encoders of Hugging Face as bodies: what they give, and how they are built again."""

import json
import shutil

import pytest
import torch
from transformers import AutoModel

import drivetrain as dt
from drivetrain.errors import ModelError
from drivetrain.kinds.texts.bodies.encoder import FIRST, depths, load_encoder, rebuild_encoder
from drivetrain.kinds.texts.bodies.pooling import masked_mean
from drivetrain.runtime.manifest import Architecture
from tests.kinds.texts.bodies.conftest import tiny_encoder
from tests.models.texts.conftest import frame


@pytest.fixture(scope="module")
def found(encoder_folder):
    return load_encoder(str(encoder_folder), pretrained=True)


def batch(seed=0, lengths=(5, 9, 2), most=9):
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 56, (len(lengths), most), generator=rng)
    mask = (torch.arange(most) < torch.tensor(lengths)[:, None]).long()
    return ids * mask, mask


def test_a_text_is_the_mean_of_its_pieces(found, encoder_folder):
    plain = AutoModel.from_pretrained(encoder_folder).eval()
    ids, mask = batch()
    with torch.no_grad():
        said = found.body.eval()(ids, mask)
        for row, n in enumerate((5, 9, 2)):
            alone = plain(input_ids=ids[row : row + 1, :n]).last_hidden_state[0].mean(dim=0)
            torch.testing.assert_close(said[row], alone, rtol=1e-4, atol=1e-5)


def test_windows_are_read_one_by_one_and_averaged(found):
    ids, mask = batch(lengths=(9, 4, 0, 9))
    with torch.no_grad():
        windows = found.body.eval()(ids.reshape(2, 2, 9), mask.reshape(2, 2, 9))
        each = found.body(ids, mask)
    torch.testing.assert_close(windows[0], (9 * each[0] + 4 * each[1]) / 13, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(windows[1], each[3], rtol=1e-4, atol=1e-5)  # a window without pieces counts nothing
    assert torch.isfinite(windows).all()


def test_of_no_pieces_the_mean_is_nothing():
    assert masked_mean(torch.ones(1, 3, 2), torch.zeros(1, 3)).tolist() == [[0.0, 0.0]]


def test_it_is_built_again_from_plain_data(found):
    architecture = Architecture.model_validate_json(found.architecture.model_dump_json())
    again = rebuild_encoder(architecture)
    assert {n: p.shape for n, p in again.named_parameters()} == {n: p.shape for n, p in found.body.named_parameters()}
    again.load_state_dict(found.body.state_dict())
    ids, mask = batch()
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(ids, mask), found.body.eval()(ids, mask))
    assert architecture.label == "tiny (bert)" and found.most_pieces == 64


def test_rates_rise_with_depth(found):
    depth = depths(found.body)
    assert depth["encoder.embeddings.word_embeddings.weight"] == 0
    layers = [depth[f"encoder.encoder.layer.{at}.output.dense.weight"] for at in range(2)]
    assert layers == [0.5, 1.0]


def test_the_first_piece_where_the_folder_says_so(encoder_folder, tmp_path):
    folder = shutil.copytree(encoder_folder, tmp_path / "cls")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    found = load_encoder(f"local-dir:{folder}", pretrained=True)
    assert found.architecture.options["global_pool"] == FIRST
    ids, mask = batch()
    with torch.no_grad():
        hidden = found.body.eval().encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(found.body(ids, mask), hidden[:, 0])
        assert found.body(ids.reshape(1, 3, 9), mask.reshape(1, 3, 9)).shape == (1, 32)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, "folder without config.json"),
        ("config.json", b"{", "cannot be loaded"),
        ("config.json", b'{"model_type": "no-such-model"}', "cannot be loaded"),
        ("config.json", b'{"model_type": "vit"}', "reads no texts"),
        ("config.json", b'{"auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}', "cannot be loaded"),
        ("model.safetensors", None, "cannot be loaded"),
        ("model.safetensors", b"not a file of tensors", "cannot be loaded"),
        ("tokenizer.json", b"{}", "tokenizer.json cannot be read"),
    ],
    ids=["no config", "broken", "unknown", "of pictures", "code", "no weights", "damaged weights", "no tokeniser"],
)
def test_what_cannot_be_used_is_said(encoder_folder, tmp_path, file, content, message):
    folder = shutil.copytree(encoder_folder, tmp_path / "bad")
    (folder / "evil.py").write_text("raise SystemExit('this was run')")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    with dt.quiet():
        data = dt.texts(frame(30), target="topic")
    with pytest.raises(dt.DrivetrainError, match=message) as told:
        dt.Learner(data, folder)
    assert "To fix" in str(told.value)


def test_weights_that_are_pickles_are_not_read(encoder_folder, tmp_path):
    folder = shutil.copytree(encoder_folder, tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save(AutoModel.from_pretrained(encoder_folder).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_encoder(str(folder), pretrained=True)


@pytest.mark.parametrize("name", ["evil", "vit", "timm_wrapper"])
def test_a_saved_model_names_no_other_network(name):
    with pytest.raises(ModelError, match="is no encoder of texts"):
        rebuild_encoder(Architecture(name=name, pretrained_from=None, features=8, dropout=0))


def test_it_is_fine_tuned_saved_and_taken_up_again(encoder_folder, tmp_path):
    rows = frame(60)
    with dt.quiet():
        data = dt.texts(rows, target="topic", project=tmp_path)
        learn = dt.Learner(data, encoder_folder, seed=0).fine_tune(1)
        saved = dt.load(learn.save(tmp_path / "tiny.model"))
        again = dt.Learner.load(tmp_path / "tiny.model", data=rows, project=tmp_path)
    assert saved.self_test().passed and saved.manifest.export is not None
    texts = [row["question"] for row in data.valid.inputs]
    expected = learn.predict_rows(data.valid).output
    uncalibrated = saved.target.activate(saved.run(*saved.reader.stack([saved.read(text) for text in texts])))
    assert abs(uncalibrated - expected).max() < 1e-4
    assert again.predict_rows(data.valid).output == pytest.approx(expected, abs=1e-6)


def test_long_texts_are_read_in_windows(tmp_path):
    folder = tiny_encoder(tmp_path / "tiny")
    rows = frame(40).assign(question=lambda found: found["question"] + " and so on for a long while" * 8)
    with dt.quiet():
        learn = dt.Learner(dt.texts(rows, target="topic"), folder)
        assert learn.kind.spec.windows > 1
        saved = dt.load(learn.fine_tune(0).save(tmp_path / "long.model"))
    assert saved.self_test().passed
    assert {one.error for one in saved.predict_many(["short", "a much longer text " * 60])} == {None}
