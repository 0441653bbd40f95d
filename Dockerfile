# Hookyard in a small image: docker build -t hookyard .
# The images to build in and to run in can be others: --build-arg RUST=… --build-arg BASE=…
ARG RUST=docker.io/library/rust:1.95-bookworm
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${RUST} AS build
WORKDIR /src
COPY . .
RUN rustup target add wasm32-wasip2 \
    && cargo xtask plugins \
    && cargo build --release --locked --package hookyard \
    && sed 's#"plugins/dist/#"/usr/lib/hookyard/plugins/#' plugins.toml > /plugins.toml

FROM ${BASE}
# Root certificates for plugins' requests.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 hookyard \
    && useradd --system --uid 10001 --gid hookyard --home-dir /var/lib/hookyard --shell /usr/sbin/nologin hookyard \
    && install -d -o hookyard -g hookyard -m 0700 /var/lib/hookyard \
    && install -d -o hookyard -g hookyard -m 0750 /etc/hookyard
COPY --from=build /src/target/release/hookyard /usr/bin/hookyard
COPY --from=build /src/plugins/dist/*.wasm /usr/lib/hookyard/plugins/
COPY --from=build --chown=hookyard:hookyard /plugins.toml /etc/hookyard/plugins.toml
USER 10001:10001
WORKDIR /etc/hookyard
ENV HOOKYARD_LISTEN=0.0.0.0:8080 \
    HOOKYARD_DATA_DIR=/var/lib/hookyard \
    HOOKYARD_PLUGINS_FILE=/etc/hookyard/plugins.toml \
    HOOKYARD_LOG_FORMAT=json
VOLUME /var/lib/hookyard
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["hookyard", "ready"]
ENTRYPOINT ["hookyard"]
CMD ["serve"]
