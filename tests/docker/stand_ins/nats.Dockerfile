# Stands in for nats:*-alpine: its entry point puts nats-server before flags; it runs as root unless told.
FROM hopwire-stand-in-base

RUN apt-get update && apt-get install -y --no-install-recommends nats-server
COPY nats_entrypoint.sh /usr/local/bin/docker-entrypoint.sh
COPY nats_server.sh /usr/local/bin/nats-server

EXPOSE 4222 8222 6222
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["nats-server"]
