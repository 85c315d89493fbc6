"""Web addresses in one form, and which machines may be asked: those that the whole Internet reaches, and no others."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from drivetrain.settings import shown

LONGEST = 8000
"""Letters of an address; servers refuse longer ones."""
PORTS = {"http": 80, "https": 443}
SAFE = "/%:=&?~+!$,;'@()*[]-._"
"""Letters that stay as they are in a path or query."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
TRANSLATED = ipaddress.ip_network("::ffff:0:0:0/96")
"""RFC 2765."""
COMPATIBLE = ipaddress.ip_network("::/96")
"""IPv4 addresses in the oldest form of IPv6."""
OF_CLOUDS = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public addresses that lead into the machine room where a cloud's machine asks them."""


class RefusedError(Exception):
    """Why an address is not asked, as "group: detail"."""


@dataclass(frozen=True)
class WebAddress:
    """An address of http or https.

    Example:
        >>> web_address("HTTPS://Example.org:443/a b.jpg#top")
        WebAddress(scheme='https', host='example.org', port=443, target='/a%20b.jpg')
    """

    scheme: str
    host: str
    """In small ASCII letters; of IPv6 without its brackets."""
    port: int
    target: str
    """Path and query, percent-encoded."""

    @property
    def authority(self) -> str:
        """Host and port, as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """What a robots.txt speaks for."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"

    def joined(self, location: str) -> WebAddress:
        """Where a redirect leads.

        Raises:
            RefusedError: Not to a web address.
        """
        try:
            return web_address(urljoin(str(self), location.strip()))
        except ValueError as error:
            raise RefusedError(f"no web address: a redirect to {shown(location)}") from error


def web_address(text: str) -> WebAddress:
    """An address as it is asked for; one that differs by spelling alone becomes the same.

    Raises:
        RefusedError: It is none of http or https, or holds a password.

    Example:
        >>> str(web_address("//bücher.org/ü.jpg"))
        'https://xn--bcher-kva.org/%C3%BC.jpg'
        >>> web_address("file:///etc/passwd")
        Traceback (most recent call last):
        drivetrain.collecting.addresses.RefusedError: no web address: 'file:///etc/passwd'
    """
    text = text.strip()
    if text.startswith("//"):
        text = f"https:{text}"
    if len(text) > LONGEST:
        raise RefusedError(f"no web address: {len(text):,} letters are too many")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise RefusedError(f"no web address: {shown(text)}") from error
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not parts.hostname:
        raise RefusedError(f"no web address: {shown(text)}")
    if parts.username is not None or parts.password is not None:
        raise RefusedError("a name or password in the address: none is sent")
    if port == 0:
        raise RefusedError("no web address: there is no port 0")
    try:
        path = _without_dots(quote(parts.path or "/", safe=SAFE))
        target = path + (f"?{quote(parts.query, safe=SAFE)}" if parts.query else "")
    except UnicodeEncodeError as error:  # half a letter
        raise RefusedError(f"no web address: {shown(text)}") from error
    target = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", target)
    return WebAddress(scheme, _host(parts.hostname, text), port or PORTS[scheme], target)


def _host(name: str, text: str) -> str:
    if ":" in name:
        try:
            return str(ipaddress.IPv6Address(name))
        except ValueError as error:
            raise RefusedError(f"no web address: {shown(text)}") from error
    try:
        host = ".".join(_label(part) for part in re.split("[.\u3002\uff0e\uff61]", name.rstrip(".")))
    except UnicodeError:
        host = ""
    if not host or len(host) > 253 or re.search(r"[^a-z0-9._-]", host):
        raise RefusedError(f"no web address: {shown(text)}")
    return host


def _label(name: str) -> str:
    """A part of a host in ASCII; with the letters that IDNA 2003 gave up as they are, so that faß.de is not fass.de."""
    if not name:
        raise UnicodeError("empty")
    if set(name) & set("ßẞς"):
        return f"xn--{unicodedata.normalize('NFKC', name).lower().encode('punycode').decode('ascii')}"
    return name.encode("idna").decode("ascii").lower()


def _without_dots(path: str) -> str:
    """A path without `.` and `..`, RFC 3986, section 5.2.4, as browsers send it, and as robots.txt means it."""
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        plain = re.sub("%2e", ".", part, flags=re.IGNORECASE)
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(part)
    if parts and re.fullmatch(r"(\.|%2e){1,2}", parts[-1], re.IGNORECASE):
        kept.append("")
    return "/" + "/".join(kept)


def why_private(address: str) -> str:
    """Why a machine is not asked: what network it is in; "" for one that the whole Internet reaches.

    Addresses of IPv4 that are wrapped in one of IPv6 are judged by what is inside.

    Args:
        address: Of a machine, as the system's resolver gives it.

    Example:
        >>> why_private("127.0.0.1"), why_private("::ffff:169.254.169.254"), why_private("93.184.215.14")
        ('this machine', 'link-local', '')
    """
    found: Address = ipaddress.ip_address(address.partition("%")[0])
    inside = _wrapped(found)
    if inside is not None:
        return why_private(str(inside))
    if found.is_loopback or found.is_unspecified:
        return "this machine"
    if found.is_link_local:
        return "link-local"
    if found.is_multicast or found in OF_CLOUDS or found in LOCAL_NAT64:
        return "a network of its own"
    if not found.is_global or (isinstance(found, ipaddress.IPv6Address) and found.is_site_local):
        return "a private network"
    return ""


def _wrapped(found: Address) -> ipaddress.IPv4Address | None:
    """The address of IPv4 that one of IPv6 stands for: mapped, compatible, 6to4, Teredo, NAT64."""
    if not isinstance(found, ipaddress.IPv6Address) or found.is_loopback or found.is_unspecified:
        return None
    if found in NAT64 or found in COMPATIBLE or found in TRANSLATED:
        return ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    teredo = found.teredo
    return found.ipv4_mapped or found.sixtofour or (teredo[1] if teredo else None)
