"""Which machines are asked: the registries of IANA say what is not reached by the whole Internet."""

import pytest

from drivetrain.collecting.addresses import RefusedError, web_address, why_private

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "168.63.129.16", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1", "100::1", "fc00::1", "fd12::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "fd00:ec2::254",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "192.167.255.255", "2606:4700::1111",
    "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private(address):
    assert why_private(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address):
    assert why_private(address) == ""


HTTP = "http:"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("//a.org", "//a.org/"),
        ("//A.ORG:80/b?c=d#e ", "//a.org/b?c=d"),
        ("//a.org./b", "//a.org/b"),
        ("//a.org:8080/%zz%41", "//a.org:8080/%25zz%41"),
        ("//a.org/a b<c>\"d'", "//a.org/a%20b%3Cc%3E%22d'"),
        ("//[2606:4700::1111]:81/", "//[2606:4700::1111]:81/"),
        ("//münchen.org/ß?q=ü", "//xn--mnchen-3ya.org/%C3%9F?q=%C3%BC"),
    ],
)
def test_one_spelling(text, address):
    assert str(web_address(HTTP + text)) == str(web_address(f"  {HTTP.upper()}{text}")) == HTTP + address
    assert str(web_address(HTTP + address)) == HTTP + address


def test_without_a_scheme_the_safe_one_is_meant():
    assert str(web_address("//a.org:443/b")) == "https://a.org/b"


@pytest.mark.parametrize(
    "text",
    [
        "//", "//me:secret@a.org/", "//a.org@b.org/", "//a.org:0/", "//a.org:99999/", "//a.org:x/", "//[::1", "//a b/",
        "//a\r\nHost: b/", "//" + "a" * 300 + ".org", "//a..org/", "//a.org/" + "a" * 9000, "//a\\b.org/", "a.org",
    ],
)  # fmt: skip
def test_no_machine(text):
    with pytest.raises(RefusedError):
        web_address(HTTP + text)


@pytest.mark.parametrize(
    "text", ["", "a.jpg", "ftp://a.org/b", "file:///etc/passwd", "data:image/png;base64,AA", "javascript:alert(1)"]
)
def test_no_web_address(text):
    with pytest.raises(RefusedError):
        web_address(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("//faß.de/1.jpg", "//xn--fa-hia.de/1.jpg"),  # browsers since 2013; fass.de is somebody else
        ("//βόλος.com/", "//xn--nxasmm1c.com/"),  # an example of UTS 46
        ("//www.Bücher。example/", "//www.xn--bcher-kva.example/"),
        ("//a.org/a/b/../c/./d.jpg", "//a.org/a/c/d.jpg"),  # RFC 3986, section 5.2.4
        ("//a.org/../%2e%2E/private/", "//a.org/private/"),
        ("//a.org/a/..", "//a.org/"),
        ("//a.org/a/b/.", "//a.org/a/b/"),
        ("//a.org//a/..b/c...jpg", "//a.org//a/..b/c...jpg"),
    ],
)
def test_what_browsers_send(text, address):
    assert str(web_address(text)) == f"https:{address}"


def test_half_a_letter_is_no_address():
    with pytest.raises(RefusedError, match="no web address"):
        web_address("http://a.org/\udcff.jpg")


def test_addresses_translated_by_rfc_2765_are_judged_by_what_is_inside():
    assert why_private("::ffff:0:10.0.0.1") == "a private network" and not why_private("::ffff:0:8.8.8.8")
