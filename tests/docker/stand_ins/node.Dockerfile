# Stands in for node:*-slim: the official binary and npm, both from npm, and the user node.
FROM hopwire-stand-in-base

RUN useradd --uid 1000 --user-group --create-home node
# The builder's own certificates: where it reaches npm through a proxy of its own, the image must too.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt

CMD ["node"]
