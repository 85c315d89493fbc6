"""Texts as pieces: those that transformers' own tokeniser gives, in windows."""

from __future__ import annotations

import json
import random
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from drivetrain.errors import ArtefactError, MissingExtraError
from drivetrain.kinds.texts.cleaning import cleaned
from drivetrain.kinds.texts.spec import Spec
from drivetrain.kinds.texts.tokens import Tokens, lengths_of
from tests.conftest import SHARED

ENCODER = SHARED / "weights" / "paraphrase-minilm-l3-9600"

RANGES = (
    *((0x20, 0x7E), (0x20, 0x7E), (0x41, 0x5A), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF)),
    *((0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F)),
    *((0x20A0, 0x20CF), (0x2190, 0x21FF), (0x3040, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xACFF), (0xFE00, 0xFE0F)),
    *((0xFF00, 0xFFEF), (0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF), (0x20000, 0x200FF), (0xE0020, 0xE007F)),
)
WHOLE = (
    "👩‍👧‍👦",
    "🇨🇭",
    "👍🏽",
    "שלום עולם",
    "مرحبا بالعالم",
    "東京タワー",
    "안녕하세요",
    "co\u00adop",
    "a\u200bb",
    "[SEP]",
    "[CLS]",
    "##ing",
    "İ",
    "ﬁ",
)


def strings(n: int) -> list[str]:
    """Words, emoji, right-to-left and CJK letters, marks, controls, and what is no character."""
    rng = random.Random(4)
    found: list[str] = []
    while len(found) < n:
        parts: list[str] = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if kind < 0.2:
                parts.append(rng.choice(WHOLE))
            elif kind < 0.3:
                parts.append(chr(rng.choice((*range(0x20), 0x7F, *range(0x80, 0xA0), 0xFEFF, 0xFFFD, 0x2028))))
            else:
                low, high = rng.choice(RANGES)
                parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6))))
            parts.append(rng.choice(("", " ", " ", "\n", "\t")))
        found.append("".join(parts))
    return found


@pytest.mark.shared_data
def test_pieces_of_ten_thousand_strings_are_those_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    own = transformers.AutoTokenizer.from_pretrained(ENCODER)
    content = (ENCODER / "tokenizer.json").read_bytes()
    spec = Spec(html=False).reading(tokenizer=content, most_pieces=64)
    texts = strings(10_000)
    known = own(texts, truncation=True, max_length=64)["input_ids"]
    for text, ids in zip(texts, known, strict=True):
        found, mask = spec.tokens.of(spec.read(text))
        assert found.tolist() == ids and mask.tolist() == [1] * len(ids), ascii(text)


LONG = (
    "x" * 5_000,
    "Donaudampfschifffahrtsgesellschaft" * 40,
    "é" * 300,
    "\u0301" * 200,
    "漢" * 600,
    "😀" * 300,
    "-" * 2_000,
)
"""Words of no end; BERT's tokeniser gives up on a word of more than 100 letters."""
ODD = (
    "\ud800",
    "a\udfffb",
    "\ud83d\ude00",
    "\x00\x01",
    "\u202eabc\u202c",
    "\ufdfa",
    "",
    " \t\n",
    "e\u0301\u0327",
    "ｆｕｌｌ",
)


def pieces_tokenizer(*, lower: bool) -> bytes:
    """As BERT has it, its pieces trained on some of the strings."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=3_000, special_tokens=marks, show_progress=False)
    made.train_from_iterator(strings(1_500), trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made.to_str().encode()


def bytes_tokenizer() -> bytes:
    """As RoBERTa and GPT have it: pairs of bytes."""
    from tokenizers import ByteLevelBPETokenizer, processors

    made = ByteLevelBPETokenizer()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator(strings(1_500), vocab_size=2_000, special_tokens=marks, show_progress=False)
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return made.to_str().encode()


@pytest.mark.parametrize("kind", ["lower case", "as written", "bytes"])
def test_pieces_of_ten_thousand_strings_by_a_tokeniser_made_here(kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer

    content = bytes_tokenizer() if kind == "bytes" else pieces_tokenizer(lower=kind == "lower case")
    own = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(content.decode()))
    spec = Spec(html=False).reading(tokenizer=content, most_pieces=64)
    texts = [cleaned(text, html=False) for text in (*strings(10_000 - len(LONG) - len(ODD)), *LONG, *ODD)]
    known = own(texts, truncation=True, max_length=64)["input_ids"]
    for text, ids in zip(texts, known, strict=True):
        found, mask = spec.tokens.of(text)
        assert found.tolist() == ids and mask.tolist() == [1] * len(ids), ascii(text)
    assert len({tuple(ids) for ids in known}) > 9_000, "pieces tell the strings apart"


def table_tokenizer() -> bytes:
    try:
        folder = Path(str(metadata.distribution("wordllama").locate_file("wordllama")))
    except metadata.PackageNotFoundError:
        pytest.skip("wordllama is not installed")
    return (folder / "tokenizers" / "l2_supercat_tokenizer_config.json").read_bytes()


def test_of_a_tokeniser_by_bytes_too() -> None:
    """Pieces of bytes keep what others drop; controls are gone before, as from every text."""
    from tokenizers import Tokenizer

    content = table_tokenizer()
    own = Tokenizer.from_str(content.decode())
    own.no_padding()
    own.no_truncation()
    spec = Spec(html=False).reading(tokenizer=content, specials=False, most_pieces=512)
    for text in strings(500):
        clean = spec.read(text)
        expected = own.encode(clean, add_special_tokens=False).ids
        assert spec.tokens.of(clean)[0].tolist() == (expected or [0])


def words_tokenizer(*words: str) -> bytes:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(
        models.WordLevel({word: at for at, word in enumerate(("[PAD]", "[UNK]", "<s>", "</s>", *words))}, "[UNK]")
    )
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)])
    made.enable_padding(length=50)
    made.enable_truncation(max_length=5)
    return made.to_str().encode()


CUT = words_tokenizer(*"abcdefghij")


def test_a_text_is_cut_into_windows_that_each_have_their_marks() -> None:
    ids, mask = Tokens(CUT, most=5, windows=4).of("a b c d e f g h")
    assert ids.tolist() == [[2, 4, 5, 6, 3], [2, 7, 8, 9, 3], [2, 10, 11, 3, 0]]
    assert mask.tolist() == [[1] * 5, [1] * 5, [1, 1, 1, 1, 0]]
    assert Tokens(CUT, most=5, windows=2).of("a b c d e f g h")[0].tolist() == [[2, 4, 5, 6, 3], [2, 10, 11, 3, 0]]
    assert Tokens(CUT, most=5).of("a b c d e f g h")[0].tolist() == [2, 4, 5, 6, 3]
    assert Tokens(CUT, most=5, specials=False).of("a b")[0].tolist() == [4, 5]
    assert Tokens(CUT, most=5, windows=3).of("a")[0].tolist() == [[2, 4, 3]]


def test_a_text_without_pieces_has_one_that_counts_for_nothing() -> None:
    for windows, shape in ((1, (1,)), (3, (1, 1))):
        ids, mask = Tokens(CUT, most=5, windows=windows, specials=False).of("")
        assert ids.shape == mask.shape == shape and not ids.any() and not mask.any()


def test_what_the_file_says_of_padding_and_truncation_does_not_count() -> None:
    assert lengths_of(["a b c d e f g h", "", "a"], CUT).tolist() == [8, 0, 1]
    assert Tokens(CUT, most=64).of("a b c d e f g h")[0].tolist() == [2, *range(4, 12), 3]
    assert Tokens(CUT, most=64).n_pieces == 14


def test_windows_of_a_batch_are_padded_both_ways() -> None:
    spec = Spec().reading(tokenizer=CUT, most_pieces=5, windows=4)
    ids, mask = spec.stack([spec.view(spec.load(text)) for text in ("a b c d", "e")])
    assert ids.tolist() == [[[2, 4, 5, 6, 3], [2, 7, 3, 0, 0]], [[2, 8, 3, 0, 0], [0, 0, 0, 0, 0]]]
    assert mask.sum() == 11 and [one.shape for one in spec.signature()] == [(None, None)] * 2
    assert spec.signature()[0].below == 14


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff\xfe", json.dumps({"model": {"type": "Magic"}}).encode(), b"[" * 10_000]
)
def test_what_is_no_tokeniser_is_told(content: bytes) -> None:
    with pytest.raises(ArtefactError, match=r"tokenizer\.json cannot be read: .*To fix"):
        Tokens(content, most=8)


def test_without_the_library_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'drivetrain\[text\]'"):
        Tokens(CUT, most=8)


def test_a_description_that_lost_its_files_says_so() -> None:
    spec = Spec().reading(tokenizer=CUT)
    bare = Spec.model_validate(spec.model_dump(mode="json"))
    assert bare == spec and np.array_equal(bare.load("a")[0], spec.load("a")[0])
    with pytest.raises(ArtefactError, match=r"has no tokenizer\.json, without which none can be read"):
        bare.view(bare.load("a"))
    with pytest.raises(ArtefactError, match=r"tokenizer\.json is not the file that the model was made with"):
        bare.with_files({"tokenizer.json": CUT + b" "})
    assert bare.with_files({"tokenizer.json": CUT, "else": b""}).files() == {"tokenizer.json": CUT}
