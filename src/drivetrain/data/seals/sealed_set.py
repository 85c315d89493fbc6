"""`seal.json`: one test set, told so that each picture can be recognised and none can be read off.

A seal holds, for every content of the test set, a hash with a salt of its own and what the picture looks like (see
`runtime.pictures.signatures`: some hundred signs and a grid of 4 × 4 mean colours). It holds neither names nor
labels, so it can be handed to somebody who shall not see the pictures, yet shall not train on them either.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivetrain.data.examples import Examples
from drivetrain.data.seals.ledger import Head
from drivetrain.data.splitting.coded import MOST_LISTED, texts
from drivetrain.data.splitting.split import Split
from drivetrain.errors import SealError
from drivetrain.runtime.manifest import Seal
from drivetrain.runtime.pictures.signatures import SIGNATURE_BYTES, VERSION
from drivetrain.text import does, readable

ID_LENGTH = 12
HASH_BYTES = 16
SIGNATURE_LENGTHS = (0, SIGNATURE_BYTES, 2 * SIGNATURE_BYTES)
OF_OTHER_KINDS = {2: 129, 3: 245, 4: 129}
"""First byte of a signature → its length, of other kinds of input than pictures (which have their version there): 2
files, read as bytes; 3 sounds; 4 texts. One byte alone: nothing can be told of what is like it. What begins or ends
otherwise was altered."""


class Drawn(BaseModel):
    """The arguments that a split was made with: the same ones make it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    seed: int
    valid_pct: float
    test_pct: float

    def __str__(self) -> str:
        if self.method == "given" and self.test_pct == 0:
            return "the test set that the source itself sets apart"
        return f"seed={self.seed}, valid_pct={self.valid_pct:g}, test_pct={self.test_pct:g}"


class Packed(BaseModel):
    """The contents of a seal of many rows, in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hashes: Base64Bytes
    """Salted hashes, `HASH_BYTES` each, which rise."""
    lengths: Base64Bytes = b""
    """How many bytes each signature has, one byte each; empty: none has any."""
    signatures: Base64Bytes = b""
    """One after the other."""

    @classmethod
    def of(cls, contents: NDArray[np.bytes_], signatures: Sequence[bytes]) -> Packed:
        """Pack hashes that rise, and what each content looks like."""
        joined = b"".join(signatures)
        lengths = bytes(map(len, signatures)) if joined else b""
        return cls.model_construct(hashes=contents.tobytes(), lengths=lengths, signatures=joined)

    @model_validator(mode="after")
    def _fits(self) -> Packed:
        n, rest = divmod(len(self.hashes), HASH_BYTES)
        if rest or not n or not bool((self.contents[1:] > self.contents[:-1]).all()):
            raise ValueError(f"its hashes are none of {HASH_BYTES} bytes that rise")
        if (self.lengths and len(self.lengths) != n) or sum(self.lengths) != len(self.signatures):
            raise ValueError("its signatures have other lengths than it says")
        return self

    @cached_property
    def contents(self) -> NDArray[np.bytes_]:
        """(n,) salted hashes."""
        return np.frombuffer(self.hashes, f"S{HASH_BYTES}")

    @cached_property
    def looks(self) -> tuple[bytes, ...]:
        """(n,) signatures."""
        if not self.lengths:
            return (b"",) * len(self.contents)
        ends = np.cumsum(np.frombuffer(self.lengths, np.uint8), dtype=np.int64).tolist()
        return tuple(self.signatures[a:b] for a, b in zip([0, *ends], ends, strict=False))


def _is_signature(signature: bytes) -> bool:
    """Whether it can be one: of pictures it is that of their version; of another kind it begins with another byte."""
    if signature and signature[0] in OF_OTHER_KINDS:
        return len(signature) in (1, OF_OTHER_KINDS[signature[0]])
    return len(signature) in SIGNATURE_LENGTHS and all(part == VERSION for part in signature[::SIGNATURE_BYTES])


class SealedSet(BaseModel):
    """`seal.json`: one test set.

    Example:
        >>> from drivetrain.data.inputs import Files
        >>> pears = Examples(Files([Path("a.jpg"), Path("b.jpg")]), ("00", "11"), ("pear", "pear"))
        >>> sealed = SealedSet.of(pears, source="fruit")
        >>> sealed.n, sealed.hash_of("11") in sealed.looks, sealed.hash_of("22") in sealed.looks
        (2, True, False)
        >>> "pear" in sealed.model_dump_json()
        False
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["drivetrain seal"] = "drivetrain seal"
    format_version: Literal[1, 2] = 1
    """2: its contents are packed, since they are many, or it holds no looks."""
    identity: str = Field(pattern="^[0-9a-f]{32}$")
    """Hash over the contents: the same pictures give the same identity, with any salt."""
    created: str
    """UTC, ISO 8601."""
    source: str
    """Where the rows came from, for people."""
    drawn: Drawn | None = None
    salt: str = Field(pattern="^[0-9a-f]{32}$")
    count: int | None = None
    """Distinct contents; None in a seal of an earlier drivetrain."""
    looks: dict[str, str] = {}
    """Salted hash of each content, in an order that says nothing → its signature, in hexadecimal digits."""
    packed: Packed | None = None
    """The same, of many contents."""
    by: Literal["looks", "content"] = "looks"
    """By what copies are recognised; by their content alone where the kind of input has no looks."""
    overlap: tuple[str, ...] = ()
    """Salted hashes of training and validation contents that were copies, or looked like one, when it was sealed."""
    related: tuple[str, ...] = ()
    """Seals of the same project, and of others of this user, that hold much the same pictures."""

    @model_validator(mode="after")
    def _says_what_a_seal_says(self) -> SealedSet:
        if bool(self.looks) == bool(self.packed):
            raise ValueError("it holds no contents" if self.packed is None else "it holds its contents twice")
        if not all(len(bytes.fromhex(found)) == HASH_BYTES for found in (*self.looks, *self.overlap)):
            raise ValueError(f"a content hash has another length than {HASH_BYTES} bytes")
        if self.count is not None and self.count != self.n:
            raise ValueError(f"it holds {self.n} rows, and says that there are {self.count}")
        for signature in self.signatures:
            if not _is_signature(signature):
                raise ValueError(f"a signature has {len(signature)} bytes; expected {SIGNATURE_BYTES}, of version 1")
        return self

    @classmethod
    def of(
        cls,
        test: Examples,
        *,
        source: str,
        split: Split | None = None,
        overlap: Iterable[str] = (),
        related: Iterable[str] = (),
    ) -> SealedSet:
        """Seal some rows, with a new salt.

        Args:
            test: The rows, at least one.
            source: Where they came from, for people.
            split: How the rows were set apart.
            overlap: Digests of training and validation contents that are copies of sealed ones, or look like them.
            related: Other seals that hold much the same pictures.
        """
        salt = secrets.token_hex(16)
        looked = tuple(test.signatures) or None
        contents, where = np.unique(_hashes(salt, texts(test.digests)), return_index=True)
        signatures = [b"" if looked is None else looked[row] for row in where.tolist()]
        many = len(contents) > MOST_LISTED
        hashes = [] if many else [content.ljust(HASH_BYTES, b"\0").hex() for content in contents.tolist()]
        return cls(
            identity=identity_of(test.digests),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            source=without_folders(source),
            drawn=None
            if split is None
            else Drawn(method=split.method, seed=split.seed, valid_pct=split.valid_pct, test_pct=split.test_pct),
            salt=salt,
            format_version=2 if many or looked is None else 1,
            count=len(contents),
            looks=dict(zip(hashes, (look.hex() for look in signatures), strict=not many)),
            packed=Packed.of(contents, signatures) if many else None,
            by="looks" if looked else "content",
            overlap=tuple(sorted({_hash(salt, digest) for digest in overlap})),
            related=tuple(sorted(related)),
        )

    @property
    def id(self) -> str:
        """What people call it: the beginning of the identity."""
        return self.identity[:ID_LENGTH]

    @property
    def n(self) -> int:
        """Distinct contents."""
        return len(self.contents)

    @cached_property
    def contents(self) -> NDArray[np.bytes_]:
        """(n,) salted hashes, 16 bytes each, which rise."""
        if self.packed is not None:
            return self.packed.contents
        return np.sort(np.frombuffer(bytes.fromhex("".join(self.looks)), f"S{HASH_BYTES}"))

    @cached_property
    def signatures(self) -> tuple[bytes, ...]:
        """(n,) what each looks like, in the order of `contents`."""
        if self.packed is not None:
            return self.packed.looks
        return tuple(bytes.fromhex(self.looks[content]) for content in sorted(self.looks))

    def hash_of(self, digest: str) -> str:
        """The hash that this seal has, or would have, for a content."""
        return _hash(self.salt, digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SealedSet) and self.as_bytes() == other.as_bytes()

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as of any model with a dict

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, str) and bool(self.holds([digest])[0])

    def hashes_of(self, digests: Sequence[str]) -> NDArray[np.bytes_]:
        """(N,) the hashes that this seal has, or would have, for contents; 16 bytes each."""
        return _hashes(self.salt, texts(digests))

    def holds(self, digests: Sequence[str], hashes: NDArray[np.bytes_] | None = None) -> NDArray[np.bool_]:
        """(N,) which of some contents are sealed; `hashes` are their hashes, where they are known."""
        hashes = self.hashes_of(digests) if hashes is None else hashes
        place = np.minimum(np.searchsorted(self.contents, hashes), self.n - 1)
        return self.contents[place] == hashes

    def rows_of(self, digests: Sequence[str]) -> list[int]:
        """Which of some contents are sealed: their positions."""
        asked, rows = self._asked[0]
        if asked is not digests:
            rows = np.flatnonzero(self.holds(digests)).tolist()
            self._asked[:] = [(digests, rows)]  # of one column it is asked again and again
        return list(rows)

    @cached_property
    def _asked(self) -> list[tuple[Sequence[str] | None, list[int]]]:
        return [(None, [])]

    def brief(self, head: Head | None = None) -> Seal:
        """What the manifest of an artefact says of it."""
        brief = Seal(id=self.id, identity=self.identity, n=self.n, created=self.created)
        if head is None:
            return brief
        return brief.model_copy(update={"log": head.log, "log_lines": head.n, "log_head": head.hash})

    def as_bytes(self) -> bytes:
        """The content of `seal.json`."""
        new = {"packed", "by"} if self.format_version == 1 else set[str]()  # as released versions read it
        return (self.model_dump_json(indent=0, exclude=new) + "\n").encode()

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> SealedSet:
        """Read a seal: one of this project, of an artefact, or one that somebody handed over.

        Raises:
            SealError: The file cannot be read, or is no seal.

        Example:
            >>> SealedSet.read("/no/such/seal.json")
            Traceback (most recent call last):
            drivetrain.errors.SealError: /no/such/seal.json cannot be read: No such file or directory.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise SealError(
                f"{readable(path)} cannot be read: {error.strerror or error}. To fix: pass a file that "
                "`drivetrain seals export` wrote."
            ) from error
        sealed = parsed(content, readable(path))
        blank = sum(not look for look in sealed.signatures)
        if blank and sealed.by == "looks":
            raise SealError(
                f"{readable(path)} was altered: {blank} of its {sealed.n} rows {does(blank, 'have')} no signature, "
                "so that copies "
                "of them would not be recognised. To fix: give the file that `drivetrain seals export` wrote."
            )
        return sealed


def without_folders(source: str) -> str:
    """The name of a folder or file without the way to it: a seal is handed on, and where it was made is nobody's."""
    return re.split(r"[/\\]", readable(source).rstrip("/\\"))[-1] or readable(source)


def parsed(content: bytes, name: str) -> SealedSet:
    """A seal from the content of its file; raises SealError that names the file."""
    try:
        return SealedSet.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SealError(
            f"{name} is no seal, or was altered ({where or 'file'}: {first['msg']}). "
            "To fix: give the file that `drivetrain seals export` wrote."
        ) from error


def identity_of(digests: Iterable[str]) -> str:
    """Hash over a set of contents; neither order nor copies matter.

    Example:
        >>> identity_of(["00", "11"]) == identity_of(["11", "00", "11"])
        True
    """
    return hashlib.blake2b("\n".join(sorted(set(digests))).encode(), digest_size=16).hexdigest()


def _hash(salt: str, digest: str) -> str:
    return hashlib.blake2b(digest.encode(), digest_size=HASH_BYTES, key=bytes.fromhex(salt)).hexdigest()


def _hashes(salt: str, digests: Sequence[str]) -> NDArray[np.bytes_]:
    blake2b, key = hashlib.blake2b, bytes.fromhex(salt)
    found = [blake2b(digest.encode(), digest_size=HASH_BYTES, key=key).digest() for digest in digests]
    return np.frombuffer(b"".join(found), f"S{HASH_BYTES}")
