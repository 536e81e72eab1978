"""Notices reach real servers, signed; nothing is lost or made up; and no address leads into the network."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.jobs import chores, queue
from limbeck.studio.jobs.models import Job
from limbeck.studio.notices import deliver, shapes
from limbeck.studio.notices.addresses import RefusedAddressError, check_address, checked_url, reach
from limbeck.studio.notices.models import Channel, Delivery
from limbeck.studio.notices.outbox import tell

pytestmark = pytest.mark.django_db
SECRET = "a secret of the channel"


class Server:
    """A server that keeps what it is sent and answers as told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status, headers, said = server.answers.pop(0) if server.answers else (200, {}, b"{}")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *given: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str = "/hook?key=1") -> str:
        """Return its address by a name, which tests resolve."""
        return f"http://robot.lan:{self.port}{path}"


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    """A server of the own network, which the settings allow."""
    made = Server()
    allowed = {"internal_hosts": f"robot.lan:{made.port}", "public_url": "https://studio.example"}
    settings.CONFIG = settings.CONFIG.model_copy(update=allowed)
    yield made
    made.http.shutdown()
    made.http.server_close()


def here(host: str, port: int) -> list[str]:
    """Resolve a name to this machine."""
    return ["127.0.0.1"]


def channel(server: Server, kind: str = "webhook", **values: Any) -> Channel:
    """Make a channel to a server."""
    given = {"url": server.url(), "secret": SECRET, "events": ["job.failed", "model.publish"], **values}
    return Channel.objects.create(name=kind, kind=kind, **given)


def finished(state: str = "failed") -> Job:
    """Let a job end."""
    job = Job.objects.create(kind="batch", title="secret title.csv", state="running", owner="a")
    assert queue.fail(job, "a", "x") if state == "failed" else queue.finish(job, "a", {})
    return job


def test_a_webhook_is_signed(server: Server) -> None:
    made = channel(server)
    job = finished()
    assert deliver.deliver(here) == 1
    ((path, headers, body),) = server.seen
    assert path == "/hook?key=1" and headers["host"] == f"robot.lan:{server.port}"
    told = json.loads(body)
    assert (told["event"], told["data"]) == ("job.failed", {"kind": "batch", "target": f"job:{job.pk}"})
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    one = made.deliveries.get()
    assert (one.state, one.status, one.attempts) == ("delivered", 200, 1)
    assert deliver.deliver(here) == 0


def test_what_did_not_happen_is_not_told(server: Server, people: dict[str, User]) -> None:
    made = channel(server)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record("model.publish", actor=None, target="model:reviews@0123")
        raise ZeroDivisionError
    assert made.deliveries.count() == 0
    with transaction.atomic():
        record("model.publish", actor=None, target="model:reviews@0123")
        record("model.add", actor=None, target="model:reviews")  # not asked for
    assert [one.event for one in made.deliveries.all()] == ["model.publish"]
    finished("finished")
    Channel.objects.update(is_active=False)
    finished()
    assert made.deliveries.count() == 1


def test_an_attempt_that_failed_is_repeated_later(server: Server) -> None:
    made = channel(server)
    finished()
    server.answers = [(503, {}, b"busy")]
    assert deliver.deliver(here) == 0
    one = made.deliveries.get()
    assert (one.state, one.attempts, one.status, one.reason) == ("waiting", 1, 503, "HTTP 503: busy")
    assert one.next_at > timezone.now() + datetime.timedelta(seconds=5)
    assert deliver.deliver(here) == 0 and len(server.seen) == 1  # not due
    made.deliveries.update(next_at=timezone.now())
    assert deliver.deliver(here) == 1
    assert server.seen[0][1]["webhook-id"] == server.seen[1][1]["webhook-id"]


def test_it_gives_up_after_the_last_attempt_and_can_be_sent_again(
    server: Server, sign_in: Callable[[str], Client]
) -> None:
    made = channel(server)
    finished()
    for _attempt in range(len(deliver.WAITS) + 1):
        server.answers = [(500, {}, b"")]
        made.deliveries.update(next_at=timezone.now())
        deliver.deliver(here)
    one = made.deliveries.get()
    assert (one.state, one.attempts) == ("failed", 8)
    sign_in("administrator").post(reverse("delivery_again", args=[one.pk]))
    assert deliver.deliver(here) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((302, {"Location": "http://169.254.169.254/latest"}, b""), "The server redirects elsewhere"),
        ((404, {}, b"<h1>\x1b[31mno\n"), "HTTP 404: <h1>"),
        ((200, {"Content-Encoding": "gzip"}, b"not gzip"), "packed"),
    ],
)
def test_answers_that_are_no_yes(server: Server, answer: tuple[int, dict[str, str], bytes], reason: str) -> None:
    made = channel(server)
    finished()
    server.answers = [answer]
    assert deliver.deliver(here) == 0
    one = made.deliveries.get()
    assert reason in one.reason and "\x1b" not in one.reason and len(server.seen) == 1


def test_robots_are_asked_as_their_makers_say(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver.time, "time", lambda: 1_700_000_000.5)
    for kind in ("wecom", "dingtalk", "feishu", "slack"):
        channel(server, kind, language="zh-hans")
    server.answers = [(200, {}, b'{"errcode":0,"StatusCode":0}')] * 4
    jobs = [finished(), finished()]
    assert deliver.deliver(here) == 8
    sent = dict(zip(("dingtalk", "feishu", "slack", "wecom"), server.seen, strict=True))
    lines = [f"任务失败 ({job.pk}) https://studio.example/jobs/{job.pk}/" for job in jobs]
    text = "\n".join(("Limbeck", *lines))  # both in one message
    assert json.loads(sent["wecom"][2]) == {"msgtype": "text", "text": {"content": text}}
    assert json.loads(sent["slack"][2]) == {"text": text}
    query = parse_qs(urlsplit(sent["dingtalk"][0]).query)
    signed = hmac.new(SECRET.encode(), f"1700000000000\n{SECRET}".encode(), hashlib.sha256).digest()
    assert (query["timestamp"], query["sign"]) == (["1700000000000"], [base64.b64encode(signed).decode()])
    feishu = json.loads(sent["feishu"][2])
    signed = hmac.new(f"1700000000\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert (feishu["timestamp"], feishu["sign"]) == ("1700000000", base64.b64encode(signed).decode())
    assert feishu["content"] == {"text": text}
    finished()
    assert deliver.deliver(here) == 0  # robots take few messages a minute


def test_a_robot_that_says_no_with_200_is_heard(server: Server) -> None:
    made = channel(server, "dingtalk")
    finished()
    server.answers = [(200, {}, b'{"errcode":310000,"errmsg":"sign not match"}')]
    deliver.deliver(here)
    assert made.deliveries.get().reason == "310000: sign not match"
    assert shapes.refusal("wecom", b"[") and shapes.refusal("feishu", b"{}") and not shapes.refusal("slack", b"ok")
    assert len(shapes.message("wecom", ["好" * 500] * 20).encode()) <= 2048


def test_a_digest_is_one_mail(settings: Any) -> None:
    settings.EMAIL_HOST, settings.EMAIL_BACKEND = "mail", "django.core.mail.backends.locmem.EmailBackend"
    values = {"recipients": "a@example.org\nb@example.org", "events": ["job.failed"], "gap": 3600}
    made = Channel.objects.create(name="m", kind="email", **values)
    for _time in range(3):
        finished()
    assert deliver.deliver(here) == 3
    (one,) = mail.outbox
    assert one.to == [] and one.bcc == ["a@example.org", "b@example.org"] and one.body.count("A job failed") == 3
    finished()
    assert deliver.deliver(here) == 0  # the next one in an hour
    made.refresh_from_db()
    assert made.next_at is not None


def test_one_sender_has_a_channel(server: Server) -> None:
    made = channel(server)
    finished()
    Channel.objects.filter(pk=made.pk).update(lease_until=timezone.now() + datetime.timedelta(seconds=60))
    assert deliver.deliver(here) == 0
    Channel.objects.filter(pk=made.pk).update(lease_until=timezone.now() - datetime.timedelta(seconds=1))
    assert deliver.deliver(here) == 1  # whoever had it is gone


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost.:443@evil.example/", "https://oapi.dingtalk.com@evil.example/", "https://127.0.0.1/",
        "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0x7f.1/",
        "https://１２７.０.０.１/", "https://127。0。0。1/", "https://[::1]/", "https://[::]/", "https://[::ffff:10.0.0.1]/",
        "https://[::10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[64:ff9b:1::1]/", "https://[2002:a00:1::]/",
        "https://[2001:0:a00:1::]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[fec0::1]/",
        "https://[fd00::1]/", "https://10.1.2.3/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/",
        "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://255.255.255.255/", "https://198.18.0.1/",
        "http://example.org/", "ftp://example.org/", "file:///etc/passwd", "https://", "https:///x", "//example.org/",
        "https://example.org\\@127.0.0.1/", "https://exa mple.org/", "https://example.org\t/", "https://exa%6dple.org/",
        "https://example.org:99999/", "https://example.org:x/", "https://ex_ample..org/", "https://[::1/", "gopher://x/",
        "https://example.org/" + "a" * 2000, "https://0x7f。0。0。1/", "https://0177\u00ad.1/", "https://2130706433\u200b/",
        "https://①②⑦.⓪.⓪.①/", "https://192.0.0.192/", "https://168.63.129.16/", "https://192.88.99.1/",
        "https://[3fff::1]/", "https://[fd00:ec2::254]/", "https://[64:ff9b:1::7f00:1]/", "https://127.0.0.1#example.org",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(RefusedAddressError) as told:
        checked_url(url)
    assert str(told.value).endswith(".") or "LIMBECK_INTERNAL_HOSTS" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fe80::1%2"], ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"], ["169.254.169.254"], [],
    ],
)  # fmt: skip
def test_names_that_lead_inside_are_refused(addresses: list[str]) -> None:
    with pytest.raises(RefusedAddressError):
        reach(checked_url("https://example.org/"), lambda host, port: addresses)("example.org", 443)


def test_a_public_host_is_reached() -> None:
    place = checked_url("https://Example.ORG./x")
    assert (place.host, place.port, place.internal) == ("example.org", 443, False)
    found = reach(place, lambda host, port: ["93.184.215.14", "2606:2800:21f:cb07::1"])
    assert found("example.org", 443) == "93.184.215.14"
    with pytest.raises(RefusedAddressError):
        found("other.example", 443)
    assert checked_url("https://例え.jp/").host == "xn--r8jz45g.jp"
    written = {
        "HTTPS://Example.ORG./x?a=1#b": "https://example.org/x?a=1", "https://faß.de:8443": "https://fass.de:8443",
        "https://[2606:2800:21f:cb07::1]/": "https://[2606:2800:21f:cb07::1]/",
    }  # fmt: skip
    assert {url: checked_url(url).url for url in written} == written
    check_address("2606:2800:21f:cb07::1")


def test_a_name_that_changes_its_answer_gains_nothing(server: Server, settings: Any) -> None:
    """The name is resolved once for each connection, and the connection goes to the address that was checked."""
    made = channel(server)
    finished()
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    assert deliver.deliver(rebinding) == 1 and asked == ["robot.lan"]
    settings.CONFIG = settings.CONFIG.model_copy(update={"internal_hosts": ""})
    Channel.objects.update(url=f"https://robot.example:{server.port}/")
    finished()
    assert deliver.deliver(here) == 0
    one = made.deliveries.first()
    assert one is not None and one.state == "failed" and "inside a private network" in one.reason
    assert len(server.seen) == 1


def test_what_a_server_repeats_has_no_keys(server: Server) -> None:
    """Many servers name the address that they were asked for; what they say is shown in the log of deliveries."""
    made = channel(server, "dingtalk", url=server.url("/services/T0/KEY%2BKEY?access_token=TOKEN-TOKEN&b="))
    finished()
    told = f"Cannot POST /services/T0/KEY+KEY?access_token=TOKEN-TOKEN {SECRET} KEY%2BKEY".encode()
    server.answers = [(404, {}, b"x" * 280 + told)]
    assert deliver.deliver(here) == 0
    first = made.deliveries.get().reason
    assert first.startswith("HTTP 404: xxx")
    server.answers = [(200, {}, json.dumps({"errcode": 1, "errmsg": told.decode()}).encode())]
    Channel.objects.update(next_at=None)
    finished()
    assert deliver.deliver(here) == 0
    second = made.deliveries.latest("pk").reason
    assert second.startswith("1: Cannot POST /…/T0/…?access_token=…")
    for key in ("KEY", "TOKEN-", SECRET):
        assert key not in first + second


def test_the_form_shows_no_key_again(sign_in: Callable[[str], Client]) -> None:
    client = sign_in("administrator")
    given = {
        "name": "运营群", "kind": "dingtalk", "url": "https://oapi.dingtalk.com/robot/send?access_token=KEYKEY",
        "secret": "SECSECRET", "events": ["job.failed"], "language": "zh-hans", "gap": 0, "is_active": "on",
    }  # fmt: skip
    for wrong, field in (
        ({"url": "https://oapi.dingtalk.com@evil.example/"}, "url"), ({"url": "https://evil.example/"}, "url"),
        ({"kind": "webhook", "secret": "short"}, "secret"), ({"kind": "email", "recipients": "nobody"}, "recipients"),
        ({"events": []}, "events"),
    ):  # fmt: skip
        answer = client.post(reverse("channel_new"), {**given, **wrong})
        assert answer.status_code == 422 and field in answer.context["form"].errors
    assert client.post(reverse("channel_new"), given).status_code == 302
    made = Channel.objects.get()
    pages = [client.get(reverse(name, args=[made.pk])).content.decode() for name in ("channel", "channel_edit")]
    pages.append(client.get(reverse("channels")).content.decode())
    assert not [page for page in pages if "KEYKEY" in page or "SECSECRET" in page]
    client.post(reverse("channel_edit", args=[made.pk]), {**given, "url": "", "secret": "", "name": "群"})
    made.refresh_from_db()
    assert (made.name, made.secret) == ("群", "SECSECRET") and "KEYKEY" in made.url
    client.post(reverse("channel_test", args=[made.pk]))
    assert made.deliveries.get().event == "notice.test"


def test_chores_go_on_when_one_fails(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []
    monkeypatch.setattr(deliver, "deliver", lambda: 1 / 0)
    monkeypatch.setattr(deliver, "remove_old", lambda: done.append(1))
    chores.do_chores()
    assert done == [1] and "failed" in caplog.text


def test_unknown_events_are_nobody_s(server: Server) -> None:
    channel(server)
    assert tell("audit.verify", {}) == 0
    assert not Delivery.objects.exists()
