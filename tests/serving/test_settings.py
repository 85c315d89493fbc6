"""Who may reach a service, and what cannot be asked of it."""

import socket

import pytest

from drivetrain.errors import SettingError
from drivetrain.serving import run
from drivetrain.serving.settings import Settings, read_token


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_an_address_that_others_reach_needs_a_token(host):
    with pytest.raises(SettingError, match="no token is set"):
        Settings(host=host)
    assert Settings(host=host, token="a" * 16).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_an_address_of_this_machine_needs_none(host):
    assert Settings(host=host).token is None


def test_a_token_that_can_be_guessed_is_refused_and_none_is_shown():
    with pytest.raises(SettingError, match="5 letters"):
        Settings(token="guess")
    assert "secret" not in repr(Settings(token="secret-secret-secret"))


@pytest.mark.parametrize(
    "wrong", [{"threads": -1}, {"queue": -1}, {"deadline_s": 0}, {"deadline_s": float("nan")}, {"sample_pct": 1.5}]
)
def test_values_that_cannot_be_used(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        Settings(**wrong)


def test_the_token_comes_from_a_file_or_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text("from-a-file-0123456789\n")
    assert read_token(file, {"DRIVETRAIN_TOKEN": "other"}) == "from-a-file-0123456789"
    assert read_token(None, {"DRIVETRAIN_TOKEN": "from-the-environment"}) == "from-the-environment"
    assert read_token(None, {"DRIVETRAIN_TOKEN": ""}) is None
    file.write_text("\n")
    for path in (file, tmp_path / "missing", tmp_path):
        with pytest.raises(SettingError, match="token_file"):
            read_token(path, {})


def test_answers_are_not_held_back_until_their_begin_was_received():
    """asyncio sets TCP_NODELAY of a socket that it knows for TCP alone; without it each answer waits some 40 ms."""
    listening = run._listen(Settings(port=0))
    try:
        assert listening.proto == socket.IPPROTO_TCP
        with socket.create_connection(listening.getsockname()):
            taken, _ = listening.accept()
            with taken:
                assert taken.proto == socket.IPPROTO_TCP
    finally:
        listening.close()
