"""A container image: no root, no torch, and nothing that is written but /tmp."""

from __future__ import annotations

DOCKERFILE = """\
# docker build -f Dockerfile -t limbeck CHECKOUT
# docker run --read-only --tmpfs /tmp -p 8080:8080 -v "$PWD/bundles:/models:ro" limbeck \\
#   serve /models/NAME --host 0.0.0.0
FROM python:3.13-slim AS build
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends gcc libc6-dev \\
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --wheel-dir /wheels --constraint constraints.txt ".[serve,grpc]"

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels "limbeck[serve,grpc]" \\
 && rm -rf /wheels \\
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin limbeck
USER 10001:10001
ENV LIMBECK_HOME=/models PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["limbeck"]
CMD ["serve", "--help"]
"""
