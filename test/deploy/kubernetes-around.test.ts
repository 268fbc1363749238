/** What deploy/kubernetes lays beside the services: who may reach whom, and how many there are of each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answerDesired, type DesiredTarget } from "../../libs/shared/scaling/desired.ts";
import { workGroups } from "../../libs/shared/scaling/loads.ts";
import { boundsOf } from "../../libs/shared/scaling/target.ts";
import { ALL, BY_AGE, kind, matches, PODS, podOf, SETTINGS, serviceOf } from "../support/deployment.ts";
import type { Manifest } from "../support/kustomize.ts";

type Target = { readonly service: string; readonly tier?: string; readonly group: string };

describe("the network policies", () => {
  const POLICIES = kind("NetworkPolicy");
  const portsOf = (pod: Manifest): number[] =>
    POLICIES.filter(({ spec }) => matches(pod.labels, spec.podSelector.matchLabels))
      .flatMap(({ spec }) => spec.egress ?? [])
      .flatMap(({ ports }) => ports)
      .flatMap(({ port, endPort = port }) => Array.from({ length: endPort - port + 1 }, (_, index) => port + index));

  test("deny what they do not allow", () => {
    const { spec } = POLICIES.find(({ metadata }) => metadata.name === "sluice-deny") ?? assert.fail();
    assert.deepEqual(spec, { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    for (const { spec: other } of POLICIES) if (other.egress) assert.ok(other.policyTypes.includes("Egress"));
  });

  test("let each service reach what it needs, and nothing else", () => {
    const named = { kafka: 9092, registry: 8081, dns: 53, redis: 6379, postgres: 5432 };
    const parts: Record<string, string[]> = { topics: [], router: ["redis"], ingest: ["redis"], inference: ["redis"] };
    for (const service of ["gateway", "results", "replay", "scaler"]) parts[service] = ["redis", "postgres"];
    for (const pod of PODS) {
      const reached = Object.entries(named).filter(([, port]) => portsOf(pod).includes(port));
      const needed = ["kafka", "registry", "dns", ...(parts[serviceOf(pod)] ?? assert.fail(serviceOf(pod)))];
      assert.deepEqual(
        reached.map(([name]) => name),
        needed,
        pod.name,
      );
      if (serviceOf(pod) === "topics") continue;
      const own = POLICIES.filter(({ spec }) => matches(pod.labels, spec.podSelector.matchLabels));
      assert.ok(
        own.some(({ metadata }) => metadata.name === `sluice-${serviceOf(pod)}`),
        pod.name,
      );
    }
  });

  test("let out to the internet those who call somebody there, and nobody to the cloud's own addresses", () => {
    const open = POLICIES.flatMap(({ metadata, spec }) =>
      (spec.egress ?? []).flatMap(({ ports, to }: Manifest) =>
        ports.some(({ port }: Manifest) => port === 443) ? [{ name: metadata.name, to }] : [],
      ),
    );
    const out = open.filter(({ to }) => to.some(({ ipBlock }: Manifest) => ipBlock.cidr === "0.0.0.0/0"));
    const callers = ["gateway", "inference", "ingest", "replay", "results"];
    assert.deepEqual(
      out.map(({ name }) => name).sort(),
      callers.map((name) => `sluice-${name}`),
    );
    for (const { to } of out) assert.deepEqual(to[0].ipBlock.except, ["169.254.0.0/16"]);
  });

  test("let callers in at the gateway and KEDA at the scaler", () => {
    const entered = POLICIES.filter(({ spec }) => spec.ingress).map(({ metadata }) => metadata.name);
    assert.deepEqual(entered.sort(), ["sluice-every", "sluice-gateway", "sluice-scaler"]);
  });
});

describe("KEDA's objects", () => {
  const BY_DESIRED = kind("ScaledObject");
  const TARGETS = workGroups(SETTINGS).flatMap(({ target: { service }, groups }): Target[] =>
    service === "inference"
      ? groups.map(({ tier = "", group }) => ({ service, tier, group }))
      : groups.map(({ group }) => ({ service, group })),
  );
  const nameOf = ({ service, tier }: Target): string => `sluice-${[service, tier].filter(Boolean).join("-")}`;

  test("scale everything that the scaler decides on, within its bounds", () => {
    for (const objects of [kind("ScaledObject"), kind("ScaledObject", BY_AGE)]) {
      assert.deepEqual(objects.map(({ spec }) => spec.scaleTargetRef.name).sort(), TARGETS.map(nameOf).sort());
      for (const target of TARGETS) {
        const { spec } = objects.find(({ metadata }) => metadata.name === nameOf(target)) ?? assert.fail();
        const bounds = boundsOf(SETTINGS.scaling, target);
        assert.deepEqual({ min: spec.minReplicaCount, max: spec.maxReplicaCount }, bounds);
        assert.ok(bounds.max <= SETTINGS.topics.partitions && spec.minReplicaCount >= 1);
        assert.equal(spec.cooldownPeriod, 300);
        assert.ok(spec.pollingInterval * 1_000 <= 30_000);
        podOf(spec.scaleTargetRef.name);
      }
    }
  });

  test("own the number of replicas, so that an apply does not set it back", () => {
    for (const all of [ALL, BY_AGE]) {
      const scaled = kind("ScaledObject", all).map(({ spec }) => spec.scaleTargetRef.name);
      for (const { metadata, spec } of kind("Deployment", all)) {
        assert.equal(spec.replicas === undefined, scaled.includes(metadata.name), metadata.name);
      }
    }
  });

  test("ask the scaler where it answers", () => {
    const known = {
      at_ms: 0,
      targets: TARGETS.map((target) => ({ ...target, desired: 3 }) as unknown as DesiredTarget),
    };
    for (const { metadata, spec } of BY_DESIRED) {
      const [{ type, metricType, metadata: trigger }] = spec.triggers;
      const url = new URL(trigger.url);
      assert.equal(url.host, "sluice-scaler.sluice.svc:8080");
      assert.deepEqual(
        answerDesired(url.pathname, known),
        { status: 200, body: { [trigger.valueLocation]: 3 } },
        metadata.name,
      );
      assert.deepEqual([type, metricType, trigger.targetValue], ["metrics-api", "AverageValue", "1"]);
      assert.ok(spec.fallback.replicas >= spec.minReplicaCount && spec.fallback.replicas <= spec.maxReplicaCount);
    }
  });

  test("or Prometheus for the age of the target's group", () => {
    for (const target of TARGETS) {
      const { spec } =
        kind("ScaledObject", BY_AGE).find(({ metadata }) => metadata.name === nameOf(target)) ?? assert.fail();
      const [{ metadata: trigger }] = spec.triggers;
      assert.equal(trigger.query, `max(sluice_group_oldest_age_seconds{group="${target.group}"})`);
      assert.equal(Number(trigger.threshold) * 1_000, SETTINGS.scaling.target_age_ms);
    }
  });
});
