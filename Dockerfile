# The one image of the platform: web, worker and maintenance are commands of it.
# A deployment that must be repeatable to the byte names the base by its digest: --build-arg BASE_IMAGE=…@sha256:…
ARG BASE_IMAGE=public.ecr.aws/docker/library/python:3.12-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/rawmill
ENV PATH=/opt/rawmill/bin:$PATH
WORKDIR /app
# Wheels whose hashes are in the locks, and nothing else: no compiler, no code of a package runs here.
COPY requirements.txt ./
RUN pip install --require-hashes --only-binary :all: -r requirements.txt
COPY processor ./processor
# Machine code for every level of the instruction set that a task may find itself on, so that none compiles at its start.
# Before the service, so that this layer outlives its changes.
RUN if [ "$(uname -m)" = x86_64 ]; then \
      for level in x86-64-v2 x86-64-v3 x86-64-v4; do \
        NUMBA_CPU_NAME="$level" NUMBA_CPU_FEATURES=+sse2 python -m processor warm-up || exit 1; \
      done; \
    else python -m processor warm-up; fi
COPY requirements-service.txt ./
RUN pip install --require-hashes --only-binary :all: -r requirements-service.txt
COPY service ./service
RUN python -m compileall -q processor service

FROM ${BASE_IMAGE}
# The user has a number, which ECS asks for, and no shell. Both folders are volumes of a container with a read-only root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin rawmill \
 && install -d -o rawmill -g rawmill -m 0700 /scratch
COPY --from=build /opt/rawmill /opt/rawmill
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/rawmill/bin:$PATH \
    HOME=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
VOLUME ["/tmp", "/scratch"]
USER 10001:10001
EXPOSE 80
STOPSIGNAL SIGTERM
# ECS has its own, the same; this one is for whoever runs the image elsewhere.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "service.check", "web"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["web"]
