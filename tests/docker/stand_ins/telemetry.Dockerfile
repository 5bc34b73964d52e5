# Stands in for grafana/otel-lgtm: takes OTLP on 4318, answers on Grafana's port and on Tempo's.
FROM hopwire-stand-in-deno

COPY telemetry.js /telemetry.js

EXPOSE 3000 3200 4318
HEALTHCHECK --interval=5s CMD ["curl", "-fs", "http://127.0.0.1:3000/api/health"]
ENTRYPOINT ["deno", "run", "--allow-net", "/telemetry.js"]
