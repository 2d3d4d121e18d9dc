# The service in one image: built where pip is, run where it is not.
#   docker build -t waarmerk .
#   docker run --read-only --tmpfs /tmp -v waarmerk-data:/data -p 8000:8000 waarmerk
# The root file system may be read-only; only /data (keys, certificates, SQLite) is written to.

FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/waarmerk
COPY requirements-runtime.lock ./
RUN /opt/waarmerk/bin/pip install --no-cache-dir --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY waarmerk ./waarmerk
RUN /opt/waarmerk/bin/pip install --no-cache-dir --no-deps . \
    && /opt/waarmerk/bin/pip uninstall --yes pip \
    && /opt/waarmerk/bin/python -m compileall -q /opt/waarmerk/lib

FROM python:3.13-slim
COPY --from=build /opt/waarmerk /opt/waarmerk
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin waarmerk \
    && install -d -o waarmerk -g waarmerk -m 0700 /data
ENV PATH=/opt/waarmerk/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WAARMERK_DATA_DIR=/data \
    WAARMERK_HOST=0.0.0.0 \
    WAARMERK_PORT=8000
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# /healthz only says that the process answers; an orchestrator should watch /readyz, which signs and verifies.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['WAARMERK_PORT'] + '/healthz', timeout=2)"]
ENTRYPOINT ["waarmerk"]
CMD ["serve"]
