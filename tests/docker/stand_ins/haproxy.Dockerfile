# Stands in for haproxy:*-alpine: its user, its file and its arguments, on Debian's 2.6.
FROM hopwire-stand-in-base

RUN groupadd --system --gid 99 haproxy && useradd --system --uid 99 --gid 99 haproxy \
  && apt-get update && apt-get install -y --no-install-recommends haproxy
STOPSIGNAL SIGUSR1
USER haproxy
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
