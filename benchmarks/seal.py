"""Does the seal resist? Sealed pictures come back changed, other pictures come by, and both are compared with the seal.

    python benchmarks/seal.py ../shared [--quick] [--only tiny]

Half of the pictures are sealed as a test set. Copies of sealed ones, changed in several ways, are compared with the
seal as `drivetrain.images` does, once with the sealed files at hand (the pixels decide) and once without (looks alone);
what is caught is recall. The other half are innocent; what is caught of them is looked at: an alarm may be a true
duplicate. Results go to results/seal.json and .md.
"""

from __future__ import annotations

import io
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import QUICK_RESULTS, RESULTS, Results, hidden_places, parser_of, provenance, table, versions, wanted
from PIL import ExifTags, Image, ImageOps
from sets import Table, grocery_table, tiny_table

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.seals.seal import SealedSet
from drivetrain.data.seals.sealing import matches
from drivetrain.kinds.images.source import probe_pictures
from drivetrain.progress import quiet

COPIES_EACH = 200


def jpeg(quality: int) -> Callable[[Image.Image], bytes]:
    return lambda image: encoded(image, "JPEG", quality=quality)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def scaled(factor: float) -> Callable[[Image.Image], bytes]:
    def scale(image: Image.Image) -> bytes:
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        return encoded(image.resize(size, Image.Resampling.LANCZOS), "PNG")

    return scale


def cropped(share: float) -> Callable[[Image.Image], bytes]:
    def crop(image: Image.Image) -> bytes:
        left, upper = round(image.width * (1 - share) / 2), round(image.height * (1 - share) / 2)
        return encoded(image.crop((left, upper, image.width - left, image.height - upper)), "PNG")

    return crop


def turned(how: Image.Transpose) -> Callable[[Image.Image], bytes]:
    return lambda image: encoded(image.transpose(how), "PNG")


def turned_in_exif(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return encoded(image, "JPEG", quality=90, exif=exif)


def bordered(share: float, colour: str = "black") -> Callable[[Image.Image], bytes]:
    return lambda image: encoded(ImageOps.expand(image, max(1, round(share * min(image.size))), colour), "PNG")


WAYS: dict[str, Callable[[Image.Image], bytes]] = {
    "PNG instead of JPEG": lambda image: encoded(image, "PNG"),
    "JPEG, quality 90": jpeg(90),
    "JPEG, quality 75": jpeg(75),
    "JPEG, quality 50": jpeg(50),
    "JPEG, quality 25": jpeg(25),
    "WebP, quality 60": lambda image: encoded(image, "WEBP", quality=60),
    "twice the size": scaled(2),
    "three quarters": scaled(0.75),
    "half the size": scaled(0.5),
    "half, then quality 60": lambda image: jpeg(60)(Image.open(io.BytesIO(scaled(0.5)(image)))),
    "brighter": lambda image: encoded(image.point(lambda v: min(255, round(1.2 * v + 8))), "PNG"),
    "mirrored": lambda image: encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "PNG"),
    "turned a quarter": turned(Image.Transpose.ROTATE_90),
    "turned a quarter, then quality 75": lambda image: jpeg(75)(image.transpose(Image.Transpose.ROTATE_270)),
    "turned in EXIF alone": turned_in_exif,
    "turned by half": turned(Image.Transpose.ROTATE_180),
    "upside down": turned(Image.Transpose.FLIP_TOP_BOTTOM),
    "inverted": lambda image: encoded(ImageOps.invert(image), "PNG"),
    "inverted, then quality 75": lambda image: jpeg(75)(ImageOps.invert(image)),
    "white border of 3 %": bordered(0.03, "white"),
    "black border of 10 %, then quality 75": lambda image: jpeg(75)(Image.open(io.BytesIO(bordered(0.1)(image)))),
    "bars above and below, to a square": lambda image: encoded(
        ImageOps.pad(image, (image.width, round(1.3 * image.width))), "PNG"
    ),
    "border, turned and mirrored": lambda image: encoded(
        Image.open(io.BytesIO(bordered(0.05)(image))).transpose(Image.Transpose.TRANSVERSE), "PNG"
    ),
    "turned by 2 degrees": lambda image: encoded(image.rotate(2, Image.Resampling.BICUBIC), "PNG"),
    "32 px": lambda image: encoded(image.resize((32, 32), Image.Resampling.LANCZOS), "PNG"),
    "cropped to 98 % of each side": cropped(0.98),
    "cropped to 95 % of each side": cropped(0.95),
    "cropped to 90 % of each side": cropped(0.9),
    "cropped to 75 % of each side": cropped(0.75),
}


def some_of(pictures: Table, step: int) -> Table:
    return replace(pictures, rows=pictures.rows[::step])


def rows_of(paths: list[Path]) -> Examples:
    """The readable ones, each content once."""
    checked = probe_pictures(paths)
    distinct = {found.digest: (path, found) for path, found in zip(paths, checked, strict=True) if not found.problem}
    return Examples(
        Files(path for path, _ in distinct.values()),
        tuple(distinct),
        ("x",) * len(distinct),
        signatures=tuple(found.signature for _, found in distinct.values()),
    )


def resistance(pictures: Table, folder: Path, copies: int) -> dict[str, Any]:
    paths = [Path(path) for path, _, _ in pictures.rows]
    order = np.random.default_rng(0).permutation(len(paths))
    half = len(paths) // 2
    sealed_rows, others = (rows_of([paths[i] for i in part]) for part in (order[:half], order[half:]))
    sealed = SealedSet.of(sealed_rows, source="benchmark")
    here = dict(zip(sealed_rows.digests, sealed_rows.inputs.paths, strict=True))
    caught: dict[str, Any] = {}
    for way, change in WAYS.items():
        place = folder / "copies"
        place.mkdir(exist_ok=True)
        changed: list[Path] = []
        for i, path in enumerate(sealed_rows.inputs.paths[:copies]):
            changed.append(place / f"{i}.bin")
            changed[-1].write_bytes(change(Image.open(path).convert("RGB")))
        rows = rows_of(changed)
        caught[way] = {
            "at_hand": len(matches(rows, sealed, {**here, **by_digest(rows)})) / len(rows),
            "looks_alone": len(matches(rows, sealed, by_digest(rows))) / len(rows),
        }
    began = time.monotonic()
    alarms = matches(others, sealed, {**here, **by_digest(others)})
    seconds = time.monotonic() - began
    alone = matches(others, sealed, by_digest(others))
    return {
        "sealed": len(sealed_rows),
        "others": len(others),
        "copies": copies,
        "caught": caught,
        "alarms": sorted(str(match) for match in alarms),
        "alarms_looks_alone": len(alone),
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seal_bytes": len(sealed.as_bytes()),
    }


def by_digest(rows: Examples) -> dict[str, Path]:
    return dict(zip(rows.digests, rows.inputs.paths, strict=True))


def report(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["# What the seal catches", ""]
    for name, row in rows.items():
        lines += [
            f"## {name}",
            "",
            f"{row['sealed']:,} pictures sealed ({row['seal_bytes'] / 1e6:.2f} MB); {row['copies']} of them changed in "
            "each way. Recall with the sealed files at hand, and by looks alone:",
            "",
            *table(
                ["copy", "at hand", "looks alone"],
                [
                    [way, f"{100 * found['at_hand']:.1f} %", f"{100 * found['looks_alone']:.1f} %"]
                    for way, found in row["caught"].items()
                ],
            ),
            "",
            f"{row['others']:,} other pictures, compared in {row['seconds']:.1f} s (peak memory "
            f"{row['peak_mb']:,.0f} MB): {len(row['alarms'])} alarms at hand, "
            f"{row['alarms_looks_alone']} by looks alone.",
            "",
            *(f"* {alarm}" for alarm in row["alarms"][:20]),
            "",
        ]
    return [*lines, *provenance(rows)]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--copies", type=int, help="pictures changed in each way")
    options = parser.parse_args()
    shared = options.shared.resolve()
    place = options.results or (QUICK_RESULTS if options.quick else RESULTS)
    with tempfile.TemporaryDirectory() as scratch, quiet():
        folder = Path(scratch)
        results = Results(place / "seal.json", hidden_places(shared=shared, folder=folder))
        sets: dict[str, Callable[[], Table]] = {
            "tiny": lambda: tiny_table(shared, folder, step=10, train=50 if options.quick else 500, valid=0),
            "grocery": lambda: some_of(grocery_table(shared, folder), 5 if options.quick else 1),
        }
        for name, make in sets.items():
            if wanted(name, options.only):
                row = resistance(make(), folder, options.copies or (20 if options.quick else COPIES_EACH))
                command = f"python benchmarks/seal.py ../shared --only {name}"
                command += f" --copies {options.copies}" if options.copies else ""
                command += " --quick" if options.quick else ""
                row = results.put(name, {"command": command, "versions": versions(), **row})
                print(name, row["caught"], len(row["alarms"]), row["alarms_looks_alone"], f"{row['seconds']:.1f} s")
                results.write(report(results.rows))


if __name__ == "__main__":
    main()
