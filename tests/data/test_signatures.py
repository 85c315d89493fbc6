"""Signatures: copies stay near, others far, the fast search finds what the slow one finds."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from scenes import COPIES, CROPS, recompressed, scene, write

from drivetrain.kinds.images.looks import signatures
from drivetrain.kinds.images.looks.same_picture import same_picture
from drivetrain.kinds.images.looks.signatures import (
    FAR,
    NEAR,
    distance,
    informative,
    near_arrays,
    near_copies,
    near_pairs,
)
from drivetrain.kinds.images.looks.turns import TURNS, turn_picture
from drivetrain.runtime.pictures.read import probe_picture, read_picture
from drivetrain.runtime.pictures.signatures import N_WAVES, SIGNATURE_BYTES, signature_of, signatures_of

N_SCENES = 12


def sign(image: Image.Image) -> bytes:
    return signature_of(np.asarray(image))


@pytest.fixture(scope="module")
def scenes():
    return [sign(scene(seed)) for seed in range(N_SCENES)]


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_near_its_picture_and_far_from_others(how, scenes):
    for seed in range(N_SCENES):
        copy = sign(COPIES[how](scene(seed)))
        far = [distance(copy, other) for other in (*scenes[:seed], *scenes[seed + 1 :])]
        assert distance(copy, scenes[seed]) <= NEAR
        assert min(far) > 2 * NEAR


def test_distances_are_symmetric_and_zero_to_oneself(scenes):
    for one, other in itertools.combinations(scenes, 2):
        assert distance(one, one) == 0
        assert distance(one, other) == distance(other, one)


@pytest.mark.parametrize(
    "flat",
    [
        np.full((64, 64, 3), 200, np.uint8),
        np.zeros((64, 64, 1), np.uint8),
        np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3)),
    ],
    ids=["one colour", "black", "a slow ramp"],
)
def test_flat_pictures_match_nothing(flat):
    signature = signature_of(flat)
    assert not informative(signature)
    assert distance(signature, signature) == FAR
    assert near_pairs([signature, signature]) == []


def test_nothing_matches_no_signature(scenes):
    assert not informative(b"")
    assert distance(b"", scenes[0]) == distance(scenes[0], b"") == distance(b"", b"") == FAR
    assert near_pairs([b"", b""]) == near_pairs([]) == near_pairs([], scenes) == near_pairs(scenes, []) == []
    assert not informative(bytes([99]) + scenes[0][1:])  # another version's


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 1), (9, 500, 3), (40, 40, 4), (30, 30, 2), (20, 20, 7)])
def test_every_picture_has_a_signature(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert len(signature_of(pixels)) == SIGNATURE_BYTES


def test_grey_and_opaque_versions_are_near(scenes):
    image = scene(3)
    assert distance(scenes[3], signature_of(np.asarray(image.convert("L"))[:, :, None])) <= NEAR
    assert distance(scenes[3], signature_of(np.asarray(image.convert("RGBA")))) == 0


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".npy"])
def test_the_probe_tells_the_signature_of_the_file(suffix, tmp_path):
    path = tmp_path / f"large{suffix}"
    if suffix == ".npy":
        np.save(path, np.asarray(scene(5, 400, 300)))
    else:
        scene(5, 400, 300).save(path)
    found = probe_picture(path).signature
    assert distance(found, signature_of(read_picture(path))) <= 6
    assert probe_picture(tmp_path / "none.jpg").signature == b""


def flipped(signature: bytes, bits: list[int]) -> bytes:
    """The same with some of the 256 signs turned."""
    body = np.unpackbits(np.frombuffer(signature[2:34], np.uint8))
    body[bits] ^= 1
    return signature[:2] + np.packbits(body).tobytes() + signature[34:]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 45), st.integers(0, 2**31)), max_size=12))
def test_the_fast_search_finds_what_the_slow_one_finds(copies):
    rows = [sign(scene(seed)) for seed in range(4)]
    for of, n_bits, seed in copies:
        bits = np.random.default_rng(seed).permutation(N_WAVES)[:n_bits].tolist()
        rows.append(flipped(rows[of], bits))
    slow = [(i, j) for i, j in itertools.combinations(range(len(rows)), 2) if distance(rows[i], rows[j]) <= NEAR]
    assert near_pairs(rows) == slow
    across = [(i, j) for i in range(len(rows)) for j in range(4) if distance(rows[i], rows[j]) <= NEAR]
    assert near_pairs(rows, rows[:4]) == across


@pytest.mark.parametrize("n_bits", [16, 17, NEAR])
def test_a_pair_that_differs_in_every_band_is_found(n_bits, scenes):
    """The hardest case: no band of signs is the same in both."""
    bits = list(range(n_bits))  # neighbouring signs are of different bands
    assert distance(scenes[0], flipped(scenes[0], bits)) == n_bits
    assert near_pairs([scenes[0], flipped(scenes[0], bits)]) == [(0, 1)]


def test_a_crowd_is_joined_without_comparing_all_with_all(monkeypatch, scenes):
    monkeypatch.setattr(signatures, "BIG_BUCKET", 50)
    monkeypatch.setattr(signatures, "REACH", 4)
    rng = np.random.default_rng(0)
    crowd = [flipped(scenes[0], rng.permutation(N_WAVES)[:3].tolist()) for _ in range(300)]
    reached = {4}
    for i, j in near_pairs([*scenes[1:5], *crowd]):
        if i in reached:
            reached.add(j)
    assert reached == set(range(4, 304))
    assert near_pairs(scenes[:1] * 300) == [(i, j) for i in range(300) for j in range(i + 1, min(i + 4, 300))]


def test_arrays_say_how_far_and_whether_mirrored(scenes):
    mirrored = sign(scene(2).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    found = near_arrays([scenes[2], sign(recompressed(scene(2))), mirrored])
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    assert found.mirrored.tolist() == [False, True, True]
    assert found.distance[1] == 0 < found.distance[0]


def test_other_colours_are_no_copy(scenes):
    turned = Image.fromarray(np.asarray(scene(1))[:, :, [2, 0, 1]])
    words = signature_of(np.asarray(turned))
    forged = words[:2] + scenes[1][2:34] + words[34:]  # the same signs, other colours
    assert near_pairs([scenes[1], forged]) == []


@pytest.mark.parametrize("how", [*COPIES, *CROPS])
def test_the_second_look_confirms_copies(how, tmp_path):
    original = write(tmp_path / "a.png", scene(7, 160, 120))
    copy = write(tmp_path / "b.jpg", (COPIES | CROPS)[how](scene(7, 160, 120)))
    assert same_picture(original, copy)
    assert same_picture(copy, original)


def test_the_second_look_refuses_others(tmp_path):
    paths = [write(tmp_path / f"{seed}.png", scene(seed)) for seed in range(4)]
    assert not any(same_picture(one, other) for one, other in itertools.combinations(paths, 2))


def test_flat_pictures_are_the_same_only_where_the_files_are(tmp_path):
    white = Image.new("RGB", (64, 64), (250, 250, 250))
    one, other = write(tmp_path / "a.png", white), write(tmp_path / "b.bmp", white)
    assert not same_picture(one, other)
    copy = tmp_path / "c.png"
    copy.write_bytes(one.read_bytes())
    assert same_picture(one, copy)


def test_what_cannot_be_read_is_no_copy(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    good = write(tmp_path / "good.png", scene(0))
    assert not same_picture(bad, good)
    assert not same_picture(good, tmp_path / "none.png")


# ── turned, inverted, framed ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_picture_is_found_with_its_turn(turn, scenes):
    images = [turn_picture(scene(seed), turn) for seed in range(N_SCENES)]
    found = near_copies([sign(image) for image in images], scenes)
    assert found.first.tolist() == found.second.tolist() == list(range(N_SCENES)), "each meets its own and no other"
    assert found.distance.max() <= 4  # two signs for rows and columns that change places, and rounding
    back = {turn, (turn & ~3) | (turn & 1) << 1 | (turn & 2) >> 1} if turn & 4 else {turn}
    assert set(found.turn.tolist()) <= back


@pytest.mark.parametrize("turn", [3, 5, 6, 10, 15])
def test_a_second_look_knows_the_turn(turn, tmp_path):
    one = write(tmp_path / "one.png", scene(3))
    other = write(tmp_path / "other.jpg", turn_picture(scene(3), turn), quality=80)
    found = near_copies([probe_picture(other).signature], [probe_picture(one).signature])
    assert same_picture(other, one, turn=int(found.turn[0])) and not same_picture(other, one)


@pytest.mark.parametrize("colour", ["white", "black", (200, 30, 90)])
@pytest.mark.parametrize("widths", [(3, 3, 3, 3), (0, 12, 0, 12), (1, 2, 8, 0)])
def test_a_border_is_cut_before_the_picture_is_told(colour, widths, scenes):
    framed = ImageOps.expand(scene(4), widths, colour)
    signature = signatures_of(np.asarray(framed))
    assert len(signature) == 2 * SIGNATURE_BYTES and signature[:SIGNATURE_BYTES] == sign(framed)
    found = near_copies([signature], scenes)
    assert (found.first.tolist(), found.second.tolist()) == ([0], [4]) and found.distance[0] <= 4
    back = near_copies([scenes[4]], [signature])
    assert back.second.tolist() == [0], "nor does it matter which of the two has the border"


def test_paper_is_no_border():
    page = Image.new("RGB", (100, 100), "white")
    page.paste(scene(1).resize((40, 40)), (30, 30))
    assert len(signatures_of(np.asarray(page))) == SIGNATURE_BYTES
    assert len(signatures_of(np.asarray(Image.new("RGB", (50, 50))))) == SIGNATURE_BYTES
    assert len(signatures_of(np.asarray(scene(1)))) == SIGNATURE_BYTES


WAYS_TO_SHOW_DIGITS = {
    "8 px": lambda digit: digit,
    "32 px, smooth": lambda digit: digit.resize((32, 32), Image.Resampling.BICUBIC),
    "32 px, in squares": lambda digit: digit.resize((32, 32), Image.Resampling.NEAREST),
    "white on black": lambda digit: ImageOps.invert(digit).resize((64, 64), Image.Resampling.NEAREST),
    "red ink": lambda digit: ImageOps.colorize(digit, "red", "white").resize((32, 32), Image.Resampling.NEAREST),
    "on a sheet": lambda digit: ImageOps.expand(digit.resize((24, 24), Image.Resampling.BICUBIC), 4, 255),
}


@pytest.mark.parametrize("way", WAYS_TO_SHOW_DIGITS)
def test_no_two_handwritten_digits_are_near(way):
    """900 × 897 pairs, each in 16 turns, though strokes of many hands are much alike."""
    digits = pytest.importorskip("sklearn.datasets").load_digits().images
    shown = [WAYS_TO_SHOW_DIGITS[way](Image.fromarray((255 - d * 255 / 16).astype(np.uint8))) for d in digits]
    signatures = [signatures_of(np.asarray(image.convert("RGB"))) for image in shown]
    assert not len(near_copies(signatures[:900], signatures[900:]).first)


def test_pictures_in_grey_are_still_told_apart():
    """A photograph made grey has the detail that strokes lack."""
    grey = [sign(scene(seed, 200, 150).convert("L").convert("RGB")) for seed in range(20)]
    assert sum(map(informative, grey)) >= 19
