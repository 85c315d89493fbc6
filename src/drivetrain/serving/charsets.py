"""A body in the encoding that its content type announces, as the bytes that are read everywhere else: UTF-8."""

from __future__ import annotations

import re

from drivetrain.runtime.files.charsets import known_encoding
from drivetrain.runtime.refusals import Refusal

CHARSET = re.compile(r""";\s*charset\s*=\s*"?([\w.:+-]{1,40})"?\s*(?:;|$)""", re.IGNORECASE | re.ASCII)


def as_utf8(data: bytes, content_type: str) -> bytes:
    r"""The bytes in UTF-8; as they are where no charset is announced.

    Args:
        data: The body.
        content_type: The header, with its parameters.

    Raises:
        Refusal: 415 no such encoding, 422 the body is not in it.

    Example:
        >>> as_utf8(b"Gr\xfc\xdfe", "text/plain; charset=iso-8859-1").decode(), as_utf8(b"\xfc", "text/plain")
        ('Grüße', b'\xfc')
    """
    found = CHARSET.search(content_type)
    if found is None:
        return data
    said = found[1].lower()
    name = known_encoding(said)
    if name is None:
        raise Refusal(415, f"charset={said} is not known; send UTF-8")
    try:
        return data.decode(name).removeprefix("\ufeff").encode()
    except UnicodeError:
        raise Refusal(422, f"the body is not in {said}, which its content-type announces") from None
