# The one image of the platform: web, worker and maintenance are commands of it.
# A deployment that must be repeatable to the byte names the base by its digest: --build-arg BASE_IMAGE=…@sha256:…
ARG BASE_IMAGE=public.ecr.aws/docker/library/python:3.12-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# Without pip: the base's installs into it, and nothing installs anything later.
RUN python -m venv --without-pip /opt/rawmill
WORKDIR /app
# Wheels whose hashes are in the locks, and nothing else: no compiler, no code of a package runs here.
COPY requirements.txt ./
RUN pip --python /opt/rawmill/bin/python install --require-hashes --only-binary :all: -r requirements.txt
ENV PATH=/opt/rawmill/bin:$PATH
COPY processor ./processor
# Machine code for every level of the instruction set that a task may find itself on, so that none compiles at its start.
# Before the service, so that this layer outlives its changes.
RUN if [ "$(uname -m)" = x86_64 ]; then \
      for level in x86-64-v2 x86-64-v3 x86-64-v4; do \
        NUMBA_CPU_NAME="$level" NUMBA_CPU_FEATURES=+sse2 \
          python -c "from processor.demosaic import warm_up; warm_up()" || exit 1; \
      done; \
    else python -c "from processor.demosaic import warm_up; warm_up()"; fi
COPY requirements-service.txt ./
RUN pip --python /opt/rawmill/bin/python install --require-hashes --only-binary :all: -r requirements-service.txt
COPY service ./service
RUN rm requirements*.txt && python -m compileall -q processor service
# What may be written: both are volumes of a container with a read-only root.
RUN install -d -m 1777 /writable/tmp && install -d -m 0700 /writable/scratch
COPY image/assemble.py image/unneeded.toml /image/
RUN python /image/assemble.py /root-of-the-image

# Nothing of the base but what was put together above: no shell, no package manager, no tools.
FROM scratch
COPY --from=build /root-of-the-image /
# The user has a number, which ECS asks for.
COPY --from=build --chown=10001:10001 /writable /
WORKDIR /app
ENV PATH=/opt/rawmill/bin \
    HOME=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    LANG=C.UTF-8 \
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
