# The tap alone: `docker build --tag tap-zendesk-incremental .` in a clone.
FROM python:3.13-slim
WORKDIR /tap
COPY constraints.txt LICENSE pyproject.toml README.md ./
COPY tap_zendesk_incremental ./tap_zendesk_incremental
RUN pip install --no-cache-dir --constraint constraints.txt --upgrade pip \
    && pip install --no-cache-dir --constraint constraints.txt --build-constraint constraints.txt .
RUN useradd --uid 1000 zendesk && install --directory --owner zendesk /data
USER zendesk
# Relative paths of the command line, and a token file, are here: mount a volume.
WORKDIR /data
ENTRYPOINT ["tap-zendesk-incremental"]
