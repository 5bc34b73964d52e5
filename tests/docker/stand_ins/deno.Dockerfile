# Stands in for denoland/deno, which is Debian with the binary, the user and the folder made here.
FROM hopwire-stand-in-base

RUN useradd --uid 1993 --user-group deno && mkdir /deno-dir && chown deno:deno /deno-dir
# The builder's own certificates: where it reaches npm through a proxy of its own, the image must too.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY deno /usr/bin/deno
ENV DENO_DIR=/deno-dir/ DENO_INSTALL_ROOT=/usr/local DENO_TLS_CA_STORE=system

ENTRYPOINT ["/usr/bin/deno"]
CMD ["eval", "console.log('Welcome to Deno!')"]
