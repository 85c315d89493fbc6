"""How often and how a host is asked."""

import threading
import time
from itertools import pairwise
from urllib.robotparser import RobotFileParser

import pytest

import drivetrain as dt
from drivetrain.collecting.hosts import GIVE_UP_AFTER, Hosts
from drivetrain.collecting.robots import rules_of
from drivetrain.errors import DataError, SettingError
from tests.collecting.server import picture


def pictures(server, n):
    return [server.url(f"/picture/{i}.jpg") for i in range(n)]


@pytest.fixture
def pauses(monkeypatch):
    """Seconds between the moments at which requests were let go: what arrives when is up to the machine."""
    times = []
    enter = Hosts._enter

    def watched(hosts, found, now):
        times.append(now)
        enter(hosts, found, now)

    monkeypatch.setattr(Hosts, "_enter", watched)
    return lambda: [later - earlier for earlier, later in pairwise(times)]


def test_requests_of_one_host_are_apart(fresh, gather, pauses):
    gather(fresh, pictures(fresh, 5), pause_s=0.1)
    assert len(pauses()) == 4 and min(pauses()) >= 0.1 - 1e-9


def test_at_most_so_many_at_once(fresh, gather):
    def slow(handler):
        time.sleep(0.1)
        handler.body(picture(int(handler.path.split("/")[-1][:-4])))

    for i in range(8):
        fresh.answers[f"/picture/{i}.jpg"] = slow
    gather(fresh, pictures(fresh, 8), per_host=2)
    assert fresh.most_busy == 2


def test_a_longer_crawl_delay_counts(fresh, gather, pauses):
    fresh.robots = (200, b"User-agent: *\nCrawl-delay: 0.2")
    gather(fresh, pictures(fresh, 4), per_host=1)
    assert len(pauses()) == 3 and min(pauses()[1:]) >= 0.2 - 1e-9  # it is known once the first has been let go


def test_robots_are_asked_once_and_followed(fresh, gather):
    fresh.robots = (200, b"User-agent: *\nDisallow: /picture/1\n")
    found = gather(fresh, pictures(fresh, 3))
    assert found.n_kept == 2 and found.failed == {"robots.txt": 1}
    assert fresh.asked["/robots.txt"] == 1 and fresh.asked["/picture/1.jpg"] == 0


def test_robots_are_followed_where_a_redirect_leads(fresh, gather):
    fresh.robots = (200, b"User-agent: *\nDisallow: /secret/")
    fresh.answers["/way.jpg"] = lambda handler: handler.to("/secret/picture/3.jpg")
    found = gather(fresh, [*pictures(fresh, 1), fresh.url("/way.jpg")])
    assert found.failed == {"robots.txt": 1} and fresh.asked["/secret/picture/3.jpg"] == 0


def test_who_says_that_a_host_permits_it_does_not_ask_for_robots(fresh, gather):
    fresh.robots = (200, b"User-agent: *\nDisallow: /")
    assert gather(fresh, pictures(fresh, 2), permitted=["127.0.0.1"]).n_kept == 2
    assert fresh.asked["/robots.txt"] == 0


@pytest.mark.parametrize(("status", "kept"), [(404, 2), (403, 2), (401, 2), (500, 0), (503, 0), (429, 0)])
def test_robots_that_cannot_be_had(status, kept, fresh, gather, monkeypatch):
    """RFC 9309, section 2.3.1: what is not there allows all, what cannot be reached forbids all."""
    monkeypatch.setattr("drivetrain.collecting.fetching.time.sleep", lambda _: None)
    fresh.robots = (status, b"")
    if kept:
        assert gather(fresh, pictures(fresh, 2)).n_kept == kept
        return
    with pytest.raises(DataError, match=r"2 × robots\.txt cannot be had"):
        gather(fresh, pictures(fresh, 2))


def test_who_asks_is_named(fresh, gather):
    gather(fresh, pictures(fresh, 1))
    assert fresh.agents == {f"drivetrain/{dt.__version__} (ada@example.org)"}


def test_it_is_said_where_hosts_are_not_told_who_asks(fresh, tmp_path):
    with pytest.warns(dt.DrivetrainWarning) as said, dt.quiet():
        dt.collect(pictures(fresh, 1), tmp_path, allow_private=[fresh.host])
    texts = [str(one.message) for one in said]
    assert any("pass contact=" in text for text in texts)
    assert any(f"private machines may be asked: {fresh.host}" in text for text in texts)


@pytest.mark.parametrize("contact", ["", "ada", "a@b.org\r\nCookie: x", "ä@b.org", "a@b.org (x)", 3])
def test_a_contact_is_one_word(contact, tmp_path):
    with pytest.raises(SettingError, match="an e-mail or web address"):
        dt.collect(["https://a.org/1.jpg"], tmp_path, contact=contact)


@pytest.mark.parametrize("said", ["1", "date"])
def test_retry_after_is_waited_for_by_the_whole_host(said, fresh, gather):
    from datetime import UTC, datetime, timedelta
    from email.utils import format_datetime

    first = []

    def busy(handler):
        if not first:
            first.append(time.monotonic())
            after = said if said != "date" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
            handler.body(b"", status=429, headers=[("Retry-After", after)])
        else:
            handler.body(picture(int(handler.path.split("/")[-1][:-4])))

    for i in range(4):
        fresh.answers[f"/picture/{i}.jpg"] = busy
    assert gather(fresh, pictures(fresh, 4), per_host=1).n_kept == 4
    times = [at for path, at in fresh.times if path.startswith("/picture/")]
    assert times[1] - first[0] > 0.9


def test_a_host_that_asks_for_an_hour_is_left_alone(fresh, gather):
    for i in range(1, 5):
        fresh.answers[f"/picture/{i}.jpg"] = lambda h: h.body(b"", status=503, headers=[("Retry-After", "3600")])
    found = gather(fresh, pictures(fresh, 5), per_host=1)
    assert found.n_kept == 1 and sum(found.failed.values()) == found.later == 4
    assert sum(n for path, n in fresh.asked.items() if path.startswith("/picture/")) == 2


def elsewhere(server, path):
    """The same server under another name, which counts as another host."""
    return server.url(path).replace("127.0.0.1", "127.1")


@pytest.mark.timeout(30)
def test_nobody_waits_for_a_host_that_asks_for_too_long_where_redirects_lead(fresh, gather):
    for i in range(6):
        fresh.answers[f"/way{i}.jpg"] = lambda handler, i=i: handler.to(elsewhere(fresh, f"/busy{i}.jpg"))
        fresh.answers[f"/busy{i}.jpg"] = lambda h: h.body(b"", status=429, headers=[("Retry-After", "999999999")])
    found = gather(fresh, [*pictures(fresh, 2), *(fresh.url(f"/way{i}.jpg") for i in range(6))], per_host=1)
    assert found.n_kept == 2 and found.failed == {"too many requests": 6} and found.later == 6
    assert sum(fresh.asked[f"/busy{i}.jpg"] for i in range(6)) == 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize("status", [429, 503])
def test_nobody_waits_for_robots_that_come_too_late(status, fresh, gather):
    def answer(handler):
        handler.body(b"", status=status, headers=[("Retry-After", "7200")])

    fresh.answers["/robots.txt"] = answer
    with pytest.raises(DataError, match="4 × robots"):
        gather(fresh, pictures(fresh, 4), per_host=1)
    assert fresh.asked == {"/robots.txt": 1}


def test_whoever_waits_for_a_host_that_is_given_up_hears_of_it():
    hosts = Hosts(per_host=1, pause_s=0)
    hosts.slow_down("a.org", wait_s=3600)
    timer = threading.Timer(0.1, hosts.give_up, ["a.org", "gone"])
    timer.start()
    with hosts.turn("a.org") as why:
        assert why == "gone"
    timer.join()


def test_a_host_that_never_answers_is_given_up(fresh, gather, tmp_path):
    with fresh.lock:
        fresh.http.socket.close()  # nobody listens any more
    with pytest.raises(DataError, match="40 × no answer"):
        gather(fresh, pictures(fresh, 40), workers=1)


def test_hosts_hand_out_in_turn_and_end():
    hosts = Hosts(per_host=1, pause_s=0.0)
    for job in range(6):
        hosts.add("ab"[job % 2] + ".org", job)
    done = []

    def work():
        while (taken := hosts.take()) is not None:
            host, job = taken
            done.append(job)
            hosts.leave(host)
            hosts.finish()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(done) == list(range(6))


def test_giving_up_hands_back_what_waits():
    hosts = Hosts(per_host=1, pause_s=0.0)
    for job in range(3):
        hosts.add("a.org", job)
    host, job = hosts.take()
    hosts.again(host, job, 60)
    assert [hosts.silent("a.org") for _ in range(GIVE_UP_AFTER)][-1]
    assert sorted(hosts.give_up("a.org", "gone")) == [0, 1, 2]


ROBOTS = {
    "plain": "User-agent: *\nDisallow: /a/\nDisallow: /b.jpg",
    "all": "User-agent: *\nDisallow: /",
    "nothing": "User-agent: *\nDisallow:",
    "others": "User-agent: other\nDisallow: /\n",
    "us": "User-agent: other\nDisallow: /\n\nUser-agent: Drivetrain\nDisallow: /a",
    "two names": "User-agent: other\nUser-agent: drivetrain\nDisallow: /a\n\nUser-agent: *\nDisallow: /",
    "comments": "# all\nUser-agent: * # everyone\nDisallow: /a # not this",
    "encoded": "User-agent: *\nDisallow: /%61/",
}
PATHS = ["/", "/a/", "/a/1.jpg", "/b.jpg", "/b.jpg?x=1", "/c"]


@pytest.mark.parametrize("name", ROBOTS)
def test_plain_rules_are_those_of_the_standard_library(name):
    parser = RobotFileParser()
    parser.parse(ROBOTS[name].splitlines())
    rules = rules_of(ROBOTS[name])
    assert [rules.allows(path) for path in PATHS] == [parser.can_fetch("drivetrain", path) for path in PATHS]


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [  # RFC 9309, sections 2.2.2, 2.2.3 and 5.2
        ("Disallow: /*.gif$", "/a/b.gif", False),
        ("Disallow: /*.gif$", "/a/b.gif?x", True),
        ("Disallow: /this/path/exactly$", "/this/path/exactly", False),
        ("Disallow: /this/path/exactly$", "/this/path/exactly/too", True),
        ("Allow: /example/page/\nDisallow: /example/page/disallowed.gif", "/example/page/disallowed.gif", False),
        ("Disallow: /a\nAllow: /a", "/a/1", True),
        ("Disallow: /foo/bar?baz=quz", "/foo/bar?baz=quz", False),
        ("Disallow: /*?download", "/pictures/1.jpg?download=1", False),
        ("Disallow: /bücher/", "/b%C3%BCcher/1.jpg", False),
        ("Disallow: /a*b*c", "/axxbxx", True),
    ],
)
def test_longest_rule_and_wildcards(rule, path, allowed):
    assert rules_of(f"User-agent: *\n{rule}").allows(path) is allowed


def test_a_robots_made_to_cost_time_does_not():
    rules = rules_of("User-agent: *\nDisallow: /" + "*a" * 2000 + "b$")
    assert rules.allows("/" + "a" * 4000)
