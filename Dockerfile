# A service without torch: about 400 MB, not root, fine with a read-only root. The model is mounted at /model, so one
# image serves any model. See compose.yaml.
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --constraint constraints.txt '.[serve]' \
    && /app/bin/pip uninstall --yes pip

FROM python:3.13-slim
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
# Inside a container the address must be one that others reach: a token is then asked for.
ENTRYPOINT ["drivetrain", "serve", "/model", "--host", "0.0.0.0"]
