"""``limbeck serve``: bundles behind HTTP until the server is stopped."""

from __future__ import annotations

from pathlib import Path

import click

PLACE = click.Path(path_type=Path)


@click.command()
@click.argument("bundles", nargs=-1, required=True, metavar="[NAME=]BUNDLE…")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--grpc-port", type=click.IntRange(1, 65535), help="Also speak gRPC, on this port.")
@click.option("--socket", "unix_socket", type=PLACE, metavar="FILE", help="Listen on a Unix socket instead.")
@click.option("--share-port", is_flag=True, help="Let a new server start on the same port before this one ends.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; by default one for each core.")
@click.option("--keys", type=PLACE, metavar="FILE", help="API keys, one a line; also LIMBECK_API_KEYS.")
@click.option("--control", is_flag=True, help="Let keys with the role admin load, replace and unload models.")
@click.option("--queue", type=click.FloatRange(0.01, 600), help="Seconds of work that may wait.  [default: 2]")
@click.option("--deadline", type=click.FloatRange(0.01, 3600), help="Seconds for one request.  [default: 60]")
@click.option("--drain", type=click.FloatRange(0, 600), help="Seconds from SIGTERM to the end.  [default: 0]")
@click.option("--max-bytes", type=click.IntRange(1024, 2**31 - 1), help="Largest body.  [default: 64 MiB]")
@click.option("--max-rows", type=click.IntRange(1), help="Most rows in one request.  [default: 65,536]")
@click.option("--write-kserve", type=PLACE, metavar="DIR", help="Write files to deploy the bundles, and end.")
@click.option("--end-with-parent", is_flag=True, help="End when the program that started this one ends.")
@click.option("--log-requests", is_flag=True, help="Write a line for each request, without its rows.")
def serve(
    bundles: tuple[str, ...], host: str, port: int, grpc_port: int | None, unix_socket: Path | None, share_port: bool,
    workers: int | None,
    keys: Path | None, control: bool, queue: float | None, deadline: float | None, drain: float | None,
    max_bytes: int | None, max_rows: int | None, write_kserve: Path | None, end_with_parent: bool,
    log_requests: bool,
) -> None:  # fmt: skip
    """Serve bundles by the Open Inference Protocol, and as POST /predict, until SIGTERM or Ctrl-C.

    A BUNDLE is a folder, or models:NAME of the registry. Logs are JSON lines on standard error.
    """
    from limbeck.process.cores import cores
    from limbeck.serving.processes.server import serve as run
    from limbeck.serving.processes.worker import end_with_parent as follow_parent
    from limbeck.serving.settings import Settings, named_bundles

    if end_with_parent:
        follow_parent()

    settings = Settings.given(
        models=named_bundles(bundles), workers=workers or cores(), keys_file=str(keys.absolute()) if keys else None,
        control=control, queue_seconds=queue, deadline=deadline, drain=drain, most_bytes=max_bytes, most_rows=max_rows,
        log_requests=log_requests, grpc=None if grpc_port is None else f"{host}:{grpc_port}",
    )  # fmt: skip

    if write_kserve is not None:
        from limbeck.serving.deploy import write

        for file in write(write_kserve, settings, port):
            click.echo(file)
        return

    def told(address: str) -> None:
        click.echo(f"Serving {', '.join(settings.models)} on {address}")

    run(settings, host=host, port=port, unix_socket=unix_socket, share_port=share_port, told=told)
