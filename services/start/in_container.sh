#!/bin/sh
# Runs Deno in a container. Telemetry tells processes of a service apart by `service.instance.id`, which
# Deno reads before any code runs, and replicas of a container have the same environment. One that is set stays.
case "${OTEL_RESOURCE_ATTRIBUTES:-}" in
  *service.instance.id=*) ;;
  *)
    read -r id < /proc/sys/kernel/random/uuid
    OTEL_RESOURCE_ATTRIBUTES="service.instance.id=${id%%-*}${OTEL_RESOURCE_ATTRIBUTES:+,$OTEL_RESOURCE_ATTRIBUTES}"
    export OTEL_RESOURCE_ATTRIBUTES
    ;;
esac
exec deno run "$@"
