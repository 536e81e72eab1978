"""How each kind of channel is asked, how it is signed, and by what it says that it took the message.

Webhooks: Standard Webhooks 1.0 (standardwebhooks.com). DingTalk: custom robots, HMAC-SHA256 of the time and the secret
in the address. Feishu: custom robots, HMAC-SHA256 keyed with both, in the body. WeCom: group robots, which have no
signature, at most 2,048 bytes. Slack: incoming webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from limbeck.studio.notices.models import DINGTALK, FEISHU, SLACK, WECOM

TITLE = "Limbeck"
# Hosts of the robots; others are those that the settings name as of the own network.
HOSTS: dict[str, tuple[str, ...]] = {
    WECOM: ("qyapi.weixin.qq.com",),
    DINGTALK: ("oapi.dingtalk.com",),
    FEISHU: ("open.feishu.cn", "open.larksuite.com"),
    SLACK: ("hooks.slack.com",),
}
SHORTEST_GAP = {WECOM: 4, DINGTALK: 4, FEISHU: 1, SLACK: 2}  # seconds between two messages that the robots allow
LINES = 20  # events of one message
_BYTES = {WECOM: 2048, DINGTALK: 15_000, FEISHU: 15_000, SLACK: 30_000}


@dataclass(frozen=True)
class Ask:
    """A request: its address, headers and body."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def webhook(url: str, secret: str, number: int, told: Mapping[str, Any], seconds: int) -> Ask:
    """Return a signed event; ``seconds`` is the time of this attempt, since 1970."""
    body = _json(told)
    key = f"limbeck-{number}"
    signed = hmac.new(secret.encode(), f"{key}.{seconds}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "webhook-id": key,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    return Ask(url, headers, body)


def wecom(url: str, secret: str, text: str, seconds: int) -> Ask:
    """Return a message for a robot of WeCom; the key is part of its address."""
    return Ask(url, {}, _json({"msgtype": "text", "text": {"content": text}}))


def dingtalk(url: str, secret: str, text: str, seconds: int) -> Ask:
    """Return a message for a robot of DingTalk, signed where there is a secret."""
    if secret:
        moment = str(1000 * seconds)
        signed = hmac.new(secret.encode(), f"{moment}\n{secret}".encode(), hashlib.sha256).digest()
        mark = "&" if "?" in url else "?"
        url += f"{mark}timestamp={moment}&sign={quote(base64.b64encode(signed).decode(), safe='')}"
    return Ask(url, {}, _json({"msgtype": "text", "text": {"content": text}}))


def feishu(url: str, secret: str, text: str, seconds: int) -> Ask:
    """Return a message for a robot of Feishu, signed where there is a secret."""
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
    if secret:
        signed = hmac.new(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256).digest()
        body = {"timestamp": str(seconds), "sign": base64.b64encode(signed).decode(), **body}
    return Ask(url, {}, _json(body))


def slack(url: str, secret: str, text: str, seconds: int) -> Ask:
    """Return a message for Slack; its three signs with a meaning are escaped."""
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, name)
    return Ask(url, {}, _json({"text": text}))


ROBOTS: dict[str, Callable[[str, str, str, int], Ask]] = {
    WECOM: wecom,
    DINGTALK: dingtalk,
    FEISHU: feishu,
    SLACK: slack,
}


def message(kind: str, lines: Sequence[str]) -> str:
    """Return lines as one text that a robot takes: cut at a character where it is too long."""
    text = "\n".join((TITLE, *lines))
    return text.encode()[: _BYTES[kind]].decode("utf-8", "ignore")


def refusal(kind: str, body: bytes) -> str:
    """Return why a robot did not take a message though it answered 200; "" where it did."""
    if kind not in (WECOM, DINGTALK, FEISHU):
        return ""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return "the answer is not JSON"
    if not isinstance(said, dict):
        return "the answer is not an object"
    code = said.get("errcode", said.get("code", said.get("StatusCode")))
    if code == 0 and not isinstance(code, bool):
        return ""
    told = said.get("errmsg") or said.get("msg") or ""
    return f"{code}: {told}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
