"""Image-to-text models of transformers: tiny random ones of three families, from folders."""

import json
import math
import warnings

import numpy as np
import pytest
import torch

import drivetrain as dt
from drivetrain.errors import ModelError

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "an", "two", "red"),
    *("green", "apple", "lemon", "dog", "on", "table", "<image>"),
]
CLS, SEP = 2, 3
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
SMALL = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION = {**SMALL, "image_size": 32, "patch_size": 16}
NAMES = ("blip", "git", "vit-gpt2", "blip-2")


def tokeniser():
    vocab = {word: i for i, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocab, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        bos_token="[CLS]", eos_token="[SEP]",
    )  # fmt: skip


def network(name):
    n = len(WORDS)
    ends = {"bos_token_id": CLS, "eos_token_id": SEP, "pad_token_id": 0}
    if name == "git":
        made = transformers.GitForCausalLM(
            transformers.GitConfig(vision_config=VISION, vocab_size=n, max_position_embeddings=32, **SMALL, **ends)
        )
        return made, transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    if name == "blip":
        text = {
            **SMALL,
            "vocab_size": n,
            "encoder_hidden_size": 32,
            "max_position_embeddings": 32,
            "projection_dim": 16,
        }
        config = transformers.BlipConfig(
            text_config={**text, **ends, "sep_token_id": SEP}, vision_config={**VISION, "projection_dim": 16}
        )
        made = transformers.BlipForConditionalGeneration(config)
        return made, transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    if name == "blip-2":  # its captions begin with places of the picture
        opt = {"model_type": "opt", "ffn_dim": 32, "max_position_embeddings": 64, "word_embed_proj_dim": 32}
        reads = {**SMALL, **opt, "vocab_size": n, **ends}
        asks = {**SMALL, "vocab_size": n, "encoder_hidden_size": 32}
        config = transformers.Blip2Config(
            vision_config=VISION, qformer_config=asks, text_config=reads, num_query_tokens=3, image_token_index=n - 1
        )
        made = transformers.Blip2ForConditionalGeneration(config)
        return made, transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    reads = transformers.GPT2Config(
        vocab_size=n, n_embd=32, n_layer=1, n_head=2, n_positions=32, add_cross_attention=True, is_decoder=True, **ends
    )
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        transformers.ViTConfig(**VISION), reads
    )
    made = transformers.VisionEncoderDecoderModel(config)
    made.generation_config.update(decoder_start_token_id=CLS, eos_token_id=SEP, pad_token_id=0)
    return made, transformers.ViTImageProcessor(size={"height": 32, "width": 32})


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of random models whose probabilities are far from even."""
    root = tmp_path_factory.mktemp("hf")
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        for name in NAMES:
            torch.manual_seed(1)
            made, reads = network(name)
            with torch.no_grad():
                for each in made.parameters():
                    each.add_(torch.randn_like(each) * 0.3)
                if name == "blip-2":  # no model writes a place of the picture
                    made.language_model.get_input_embeddings().weight[-1] = 0
            for part in (made, tokeniser(), reads):
                part.save_pretrained(root / name)
    return root


@pytest.mark.parametrize("name", NAMES)
def test_the_likelihood_is_that_of_generating(models, name):
    """transformers' own `compute_transition_scores` is the oracle."""
    model = dt.captioner(models / name, max_words=6)
    said = model.caption(PICTURE)
    pixels = model._pixel_values(PICTURE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = model._model.generate(pixel_values=pixels, max_new_tokens=6, num_beams=1, do_sample=False,
                                     output_logits=True, return_dict_in_generate=True)  # fmt: skip
    steps = torch.stack(made.logits, dim=1)[0].log_softmax(dim=1)
    ids = made.sequences[0, -len(steps) :]
    assert said.likelihood == pytest.approx(math.exp(float(steps.gather(1, ids[:, None]).mean())), rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_another_caption_gets_its_own_likelihood(models, name):
    model = dt.captioner(models / name)
    one, other = model.likelihood(PICTURE, "two red apple on a table"), model.likelihood(PICTURE, "dog dog dog")
    assert 0 < one < 1 and 0 < other < 1 and one != pytest.approx(other, rel=1e-3)
    assert model.likelihood(PICTURE, "a " * 500) > 0  # longer than it has places for


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_begins_the_caption(models, name):
    said = dt.captioner(models / name, prompt="a red", max_words=3).caption(PICTURE)
    assert said.text.startswith("a red")


def test_a_report_of_one(models):
    model = dt.captioner(models / "git", max_words=5)
    pictures = {str(i): np.full((32, 32, 3), 40 * i, np.uint8) for i in range(6)}
    with warnings.catch_warnings():  # a random model may say nothing
        warnings.simplefilter("ignore")
        report = dt.caption_report(models / "git", pictures, objects={name: ["apple"] for name in pictures},
                               synonyms={"dog": []}, rivals=2)  # fmt: skip
    assert report.rows[0].said.sure is not None and report.scores["ranking"].value is not None
    assert "git" in repr(model)


def changed(models, to, name, file, change):
    """A copy of a model with a settings file changed."""
    to.mkdir()
    for each in (models / name).iterdir():
        (to / each.name).write_bytes(each.read_bytes())
    (to / file).write_text(json.dumps(json.loads((to / file).read_text()) | change))
    return to


def test_a_model_keeps_its_settings_for_writing(models, tmp_path):
    """Its logits, before the settings change them, are still those that are read."""
    asked = {"repetition_penalty": 3.0, "no_repeat_ngram_size": 1, "num_beams": 4, "min_length": 9}
    settled = dt.captioner(changed(models, tmp_path / "m", "vit-gpt2", "generation_config.json", asked), max_words=6)
    words = settled.caption(PICTURE).text.split()
    assert len(words) == len(set(words))
    plain = dt.captioner(models / "vit-gpt2", max_words=6)
    assert settled.likelihood(PICTURE, "a red dog") == pytest.approx(plain.likelihood(PICTURE, "a red dog"), rel=1e-3)


def test_a_model_that_has_no_caption_is_refused_when_it_is_loaded(models, tmp_path):
    none = {"decoder_start_token_id": None, "bos_token_id": None}
    place = changed(models, tmp_path / "m", "vit-gpt2", "generation_config.json", none)
    config = json.loads((place / "config.json").read_text())
    config["decoder"] |= none
    (place / "config.json").write_text(json.dumps(config | none))
    with pytest.raises(ModelError, match=r"no caption of a grey picture.*Expected.*To fix"):
        dt.captioner(place)


def test_captions_without_a_word_stop_no_report(models):
    pictures = {str(i): np.full((32, 32, 3), 40 * i, np.uint8) for i in range(3)}
    said = {"0": "...", "1": "a dog", "2": "two apples"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = dt.caption_report(said, pictures, objects={name: ["dog"] for name in said}, model=models / "git")
    assert report.rows[0].said.sure == pytest.approx(1e-12) and report.rows[1].said.sure > 1e-9


def test_what_is_not_safe_or_no_captioner_is_refused(models, tmp_path):
    def folder(name, change=None, drop=()):
        place = tmp_path / name
        place.mkdir()
        for file in (models / "git").iterdir():
            if file.name not in drop:
                (place / file.name).write_bytes(file.read_bytes())
        if change is not None:
            config = json.loads((place / "config.json").read_text())
            (place / "config.json").write_text(json.dumps(config | change))
        return place

    code = folder("code", {"auto_map": {"AutoModel": "modeling.Evil"}})
    (code / "modeling.py").write_text("raise SystemExit")
    pickled = folder("pickled", drop=("model.safetensors",))
    (pickled / "pytorch_model.bin").write_bytes(b"\x80\x04")
    cut = folder("cut")
    (cut / "model.safetensors").write_bytes((models / "git" / "model.safetensors").read_bytes()[:500])
    broken = folder("broken")
    (broken / "config.json").write_text("{")
    listed = folder("listed")
    (listed / "config.json").write_text("[]")
    (tmp_path / "empty").mkdir()
    expected = {
        code: "code of its own",
        pickled: "a pickle",
        cut: "cannot be loaded",
        broken: "cannot be read",
        listed: "no description",
        folder("encoder", {"model_type": "bert", "architectures": ["BertModel"]}): "cannot be loaded",
        folder("unknown", {"model_type": "nothing"}): "cannot be loaded",
        folder("weights", drop=("model.safetensors",)): "no weights",
        folder("words", drop=("tokenizer.json", "tokenizer_config.json")): "cannot be loaded",
        folder("pixels", drop=("preprocessor_config.json",)): "cannot be loaded",
        tmp_path / "empty": "no config.json",
    }
    for place, said in expected.items():
        with pytest.raises(ModelError, match=said) as caught:
            dt.captioner(place)
        assert "To fix" in str(caught.value)


def test_weights_that_are_missing_are_not_drawn_by_chance(models, tmp_path):
    from safetensors.torch import load_file, save_file

    for file in (models / "vit-gpt2").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    gone = next(name for name in weights if "crossattention" in name)
    save_file(
        {k: v for k, v in weights.items() if k != gone}, tmp_path / "model.safetensors", metadata={"format": "pt"}
    )
    with pytest.raises(ModelError, match="lacks 1 weight"):
        dt.captioner(tmp_path)
