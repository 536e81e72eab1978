"""A systemd unit: https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html."""

from __future__ import annotations

import os
import shutil
import sys

from limbeck.serving.settings import Settings

_UNIT = """\
# systemctl link ./limbeck.service && systemctl enable --now limbeck
[Unit]
Description=Limbeck: {names}
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart={command}
{environment}Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec={stop}
DynamicUser=yes
LimitNOFILE=65536
MemoryDenyWriteExecute=no
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def unit(settings: Settings, port: int, drain: float) -> str:
    """Return a unit that serves the same bundles, as a user of its own that can write nothing but its /tmp."""
    program = shutil.which("limbeck") or sys.executable
    start = [program] if program != sys.executable else [program, "-m", "limbeck"]
    words = [*start, "serve", *(f"{name}={bundle}" for name, bundle in settings.models.items())]
    words += ["--port", str(port), "--drain", f"{drain:g}"]
    home = os.environ.get("LIMBECK_HOME")
    environment = f"Environment={_quoted(f'LIMBECK_HOME={home}')}\n" if home else ""
    return _UNIT.format(
        names=", ".join(settings.models),
        command=" ".join(map(_quoted, words)),
        environment=environment,
        stop=int(drain) + 40,
    )


def _quoted(word: str) -> str:
    """Return a word as systemd's command lines take it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(mark in word for mark in " \t\"'\\;") else escaped
