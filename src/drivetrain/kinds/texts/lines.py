"""The texts of a stream, such as standard input: one a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from drivetrain.runtime.files.plain_json import read_json


def lines_of(stream: IO[bytes]) -> Iterator[Any]:
    r"""The texts of a stream, one a line; a line that is an object in JSON is a row. Blank lines at the end are none.

    Example:
        >>> import io
        >>> list(lines_of(io.BytesIO(b'one\n\n{"text": "two"}\n\n')))
        [b'one', b'', {'text': 'two'}]
    """
    blank = 0
    for line in stream:
        said = line.strip()
        if not said:
            blank += 1
            continue
        yield from [b""] * blank
        blank = 0
        yield _row_or_text(said)


def _row_or_text(line: bytes) -> Any:
    if line[:1] == b"{":
        try:
            found = read_json(line, most_bytes=len(line))
        except ValueError:
            return line
        return found if isinstance(found, dict) else line
    return line
