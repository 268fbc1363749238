import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tracingSettings } from "../../../../libs/shared/tracing/settings.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

describe("OpenTelemetry's variables", () => {
  for (const env of [
    {},
    { OTEL_SERVICE_NAME: "mine", OTEL_TRACES_SAMPLER: "always_on" },
    { ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" },
    { ...ENDPOINT, OTEL_SDK_DISABLED: "TRUE" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: " " },
  ]) {
    test(`${JSON.stringify(env)} leave it off`, () => {
      assert.deepEqual(tracingSettings(env), { settings: undefined, problems: [] });
    });
  }

  for (const env of [
    ENDPOINT,
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example/v1/traces" },
    { OTEL_TRACES_EXPORTER: "otlp" },
  ]) {
    test(`${JSON.stringify(env)} turn it on, with every trace`, () => {
      const { settings, problems } = tracingSettings(env);
      assert.deepEqual(problems, []);
      assert.deepEqual(settings, {
        sampling: { share: 1, by_parent: true },
        name_prefix: "sluice",
        resource: {},
        queue_max: 8_192,
        batch_max: 512,
        batch_wait_ms: 5_000,
        export_timeout_ms: 30_000,
      });
    });
  }

  test("say what services are called, what is kept, and how much waits", () => {
    const { settings, problems } = tracingSettings({
      ...ENDPOINT,
      OTEL_SERVICE_NAME: "prod",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=other, deployment.environment.name=a%20b",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.1",
      OTEL_BSP_MAX_QUEUE_SIZE: "100",
    });
    assert.deepEqual(problems, []);
    assert.equal(settings?.name_prefix, "prod");
    assert.deepEqual(settings?.resource, { "deployment.environment.name": "a b" });
    assert.deepEqual(settings?.sampling, { share: 0.1, by_parent: true });
    assert.deepEqual([settings?.queue_max, settings?.batch_max], [100, 100]);
  });

  for (const [env, on] of [
    [{ OTEL_TRACES_EXPORTER: "zipkin" }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4317" }, false],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, true],
    [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: "mine" }, true],
    [{ ...ENDPOINT, OTEL_BSP_SCHEDULE_DELAY: "soon" }, true],
    [{ ...ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: "a=%zz" }, true],
  ] as const) {
    test(`${JSON.stringify(env)} are told of`, () => {
      const { settings, problems } = tracingSettings(env);
      assert.equal(problems.length, 1);
      assert.equal(settings !== undefined, on);
    });
  }
});
