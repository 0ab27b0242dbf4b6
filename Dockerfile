# Portrait on CPUs. docker build -t portrait .   Nothing in it needs Docker's own builder: see scripts/test_image.sh.
# A registry gives this tag a digest, name@sha256:..., which pins it: docker buildx imagetools inspect tells the digest.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates python3 python3-venv
WORKDIR /opt/portrait
# The packages first: they change seldom and take longest.
# Another package index for PyTorch; empty: the usual one.
ARG TORCH_INDEX_URL=
COPY requirements/pip.txt requirements/server.in requirements/server.txt requirements/torch.in requirements/torch.txt \
    requirements/
COPY scripts/__init__.py scripts/
COPY scripts/serving/__init__.py scripts/serving/bootstrap.py scripts/serving/errors.py scripts/serving/paths.py \
    scripts/serving/
RUN PIP_NO_CACHE_DIR=1 python3 -m scripts.serving.bootstrap server
COPY . .
# hub, lite, auto (the hub's, else lite) or a checkpoint's path in the build context.
ARG WEIGHTS=hub
RUN .venv/bin/python -m scripts.build_archive --weights "${WEIGHTS}"
# What only building needs: pip, the archiver, the hub's client, PyTorch's headers and programs but the one it calls.
RUN .venv/bin/python -m pip uninstall -q -y torch-model-archiver huggingface_hub hf-xet safetensors setuptools pip \
    && cd .venv/lib/python3*/site-packages/torch \
    && find bin -mindepth 1 ! -name torch_shm_manager -delete \
    && rm -rf include test share lib/*.a \
    && cd /opt/portrait \
    && .venv/bin/python -m compileall -q scripts web

FROM ${BASE}
ARG BASE
LABEL org.opencontainers.image.title="Portrait" org.opencontainers.image.version="1.0.0" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.description="A photo of a person in, a U2-Net line drawing out" \
    org.opencontainers.image.base.name="${BASE}"
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openjdk-17-jre-headless python3 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin portrait \
    && install -d -o portrait -g portrait -m 0700 /var/lib/portrait
WORKDIR /opt/portrait
COPY --from=build /opt/portrait/.venv .venv
COPY --from=build /opt/portrait/config.properties /opt/portrait/NOTICE /opt/portrait/LICENSE ./
COPY --from=build /opt/portrait/handler/metrics.yaml handler/
COPY --from=build /opt/portrait/model/__init__.py /opt/portrait/model/files.py model/
COPY --from=build /opt/portrait/scripts scripts
COPY --from=build /opt/portrait/web web
COPY --from=build /opt/portrait/build/model-store build/model-store
# All that is ever written: settings, keys and logs (/var/lib/portrait), the unpacked archive (/tmp).
VOLUME ["/var/lib/portrait", "/tmp"]
ENV PORTRAIT_MAX_WAIT=5 TMPDIR=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
# REST, gRPC, metrics, the page (--web). Management stays on the container's loopback.
EXPOSE 8080 7070 8082 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=12s --start-period=120s --retries=3 \
    CMD [".venv/bin/python", "-m", "scripts.healthcheck"]
ENTRYPOINT ["tini", "--", ".venv/bin/python", "-m", "scripts.container.start"]
