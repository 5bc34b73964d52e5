# Stands in for haproxy:*-alpine: its user, its file and its arguments, on Debian's 2.6.
FROM hopwire-stand-in-base

RUN apt-get update && apt-get install -y --no-install-recommends haproxy \
  && usermod --uid 99 haproxy && groupmod --gid 99 haproxy
STOPSIGNAL SIGUSR1
USER haproxy
CMD ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
