/** deploy/kubernetes as kustomize renders it: true to the published schemas, and to the services that it runs. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ALL_SERVICES } from "../../tools/stack/services.ts";
import {
  ALL,
  BASE,
  BY_AGE,
  chosen,
  DEPLOYMENTS,
  HERE,
  KUSTOMIZE,
  kind,
  PODS,
  PRODUCTION,
  podOf,
  ROOT,
  read,
  rendered,
  SETTINGS,
  serviceOf,
  variableOf,
} from "../support/deployment.ts";
import { type Manifest, render, variables } from "../support/kustomize.ts";
import { problemsOf, unknownFields } from "../support/manifests.ts";

/** What processes may take to end beside draining their work, as `sluice up` gives them (END_WAIT_MS of tools/stack/services.ts). */
const END_WAIT_MS = 5_000;
/** A gateway's last words to callers that it lets go (LAST_MS of services/gateway/closing.ts). */
const LAST_MS = 2_000;
/** Of those with more than the image's 128 MiB. */
const HEAPS_MIB: ReadonlyMap<string, string> = new Map([
  ["sluice-router", "256"],
  ["sluice-replay", "256"],
  ["sluice-ingest", "1024"],
]);

describe("the manifests", () => {
  test("are made alike by kustomize and by the reading that stands in for it", (context) => {
    if (KUSTOMIZE === undefined) return context.skip("neither kustomize nor kubectl is installed here");
    for (const folder of [BASE, PRODUCTION]) {
      // Names of ConfigMaps end with a hash of their data there.
      const plain = JSON.stringify(rendered(folder)).replace(
        /"(sluice-(?:settings|environment))-[a-z0-9]{10}"/g,
        '"$1"',
      );
      const byName = (all: Manifest[]): Manifest =>
        Object.fromEntries(all.map((one) => [`${one.kind} ${one.metadata.name}`, one]));
      assert.deepEqual(byName(render(folder)), byName(JSON.parse(plain)));
    }
  });

  test("are what the published schemas say, each of a known kind", () => {
    assert.deepEqual([...rendered(BASE), ...ALL, ...BY_AGE].flatMap(problemsOf), []);
    assert.equal(problemsOf({ apiVersion: "v1", kind: "Pot", metadata: {} }).length, 1);
    assert.equal(problemsOf({ apiVersion: "apps/v1", kind: "Deployment", spec: { replicas: "two" } }).length, 1);
  });

  test("have no field that Kubernetes would drop", () => {
    assert.equal(unknownFields([...ALL, ...BY_AGE]), "");
    const misspelt = { apiVersion: "v1", kind: "ServiceAccount", automountServiceAcountToken: false };
    assert.match(unknownFields([misspelt]), /automountServiceAcountToken/);
  });

  test("are in one namespace, which holds pods to the restricted standard", () => {
    const [namespace] = kind("Namespace");
    assert.equal(namespace.metadata.labels["pod-security.kubernetes.io/enforce"], "restricted");
    for (const one of ALL) if (one !== namespace) assert.equal(one.metadata.namespace, "sluice", one.metadata.name);
  });
});

describe("the services", () => {
  test("each has a Deployment that starts it", () => {
    const started = DEPLOYMENTS.map(({ metadata }) => podOf(metadata.name).container.args.at(-1));
    assert.deepEqual([...new Set(started)].sort(), ALL_SERVICES.map((name) => `services/${name}/main.ts`).sort());
    for (const path of started) assert.ok(existsSync(join(ROOT, path)), path);
    assert.deepEqual(podOf("sluice-topics").container.args, ["node", "cli/sluice.ts", "topics"]);
  });

  test("inference has one for each tier of the settings", () => {
    const tiers = PODS.map((pod) => variableOf(pod, "SLUICE_TIERS")).filter((tier) => tier !== undefined);
    assert.deepEqual(tiers.sort(), Object.keys(SETTINGS.tiers).sort());
    for (const tier of tiers) {
      assert.equal(podOf(`sluice-inference-${tier}`).labels["sluice/tier"], tier);
      assert.equal(variableOf(podOf(`sluice-inference-${tier}`), "SLUICE_TIERS"), tier);
    }
  });

  test("are given longer to end than they take to drain", () => {
    for (const { name, spec, container } of PODS.filter((pod) => serviceOf(pod) !== "topics")) {
      const sleep_ms = 1_000 * (container.lifecycle?.preStop.sleep.seconds ?? 0);
      const drain_ms = SETTINGS.consumption.drain_deadline_ms + (name === "sluice-gateway" ? LAST_MS : 0);
      assert.ok(1_000 * spec.terminationGracePeriodSeconds >= sleep_ms + drain_ms + END_WAIT_MS, name);
      assert.equal(sleep_ms > 0, name === "sluice-gateway", "proxies go on sending to the gateway for a while");
    }
  });

  test("are asked for their health where they tell it", () => {
    for (const { metadata } of DEPLOYMENTS) {
      const { container } = podOf(metadata.name);
      const { startupProbe, livenessProbe, readinessProbe } = container;
      assert.deepEqual(
        [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path),
        ["/healthz", "/healthz", "/readyz"],
      );
      assert.ok(startupProbe.periodSeconds * startupProbe.failureThreshold >= 300, "a start waits for parts");
      assert.ok(
        livenessProbe.periodSeconds * livenessProbe.failureThreshold >= 60,
        "it waits where readiness does not",
      );
      assert.equal(String(container.ports[0].containerPort), variableOf(podOf(metadata.name), "SLUICE_PORT"));
    }
  });

  test("are replaced one by one, spread, and not all away at once", () => {
    for (const { metadata, spec } of DEPLOYMENTS) {
      assert.deepEqual(spec.strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });
      assert.deepEqual(chosen(spec.selector.matchLabels), [metadata.name]);
      const spread: Manifest[] = spec.template.spec.topologySpreadConstraints;
      assert.deepEqual(
        spread.map(({ topologyKey }) => topologyKey),
        ["topology.kubernetes.io/zone", "kubernetes.io/hostname"],
      );
      for (const { labelSelector } of spread) assert.deepEqual(chosen(labelSelector.matchLabels), [metadata.name]);
    }
    const budgets = kind("PodDisruptionBudget").flatMap(({ spec }) => chosen(spec.selector.matchLabels));
    assert.deepEqual(budgets.sort(), DEPLOYMENTS.map(({ metadata }) => metadata.name).sort());
  });

  test("Services lead to the gateway and to the scaler", () => {
    const to = kind("Service").map(({ metadata, spec }) => [
      metadata.name,
      chosen(spec.selector),
      spec.ports[0].targetPort,
    ]);
    assert.deepEqual(
      to,
      ["gateway", "scaler"].map((name) => [`sluice-${name}`, [`sluice-${name}`], "http"]),
    );
  });

  test("have memory for their heap and what is beside it", () => {
    for (const { name, container } of PODS) {
      const [, heap = "128"] = /max-old-space-size=(\d+)/.exec(variableOf({ container }, "NODE_OPTIONS") ?? "") ?? [];
      const limit = container.resources.limits.memory;
      const limit_mib = limit.endsWith("Gi") ? 1_024 * Number.parseInt(limit, 10) : Number.parseInt(limit, 10);
      // What is queued is mostly outside of the heap, and bounded (docs/operations.md#scaling).
      assert.ok(limit_mib >= Number(heap) + 256, `${name}: ${limit} for a heap of ${heap} MiB`);
      assert.equal(heap, HEAPS_MIB.get(name) ?? "128", name);
    }
  });
});

describe("what they may do", () => {
  test("pods are unprivileged and have no token", () => {
    for (const { name, spec, container } of PODS) {
      assert.equal(spec.automountServiceAccountToken, false, name);
      assert.equal(spec.enableServiceLinks, false, name);
      assert.partialDeepStrictEqual(spec.securityContext, { runAsNonRoot: true, runAsUser: 1000 });
      assert.deepEqual(spec.securityContext.seccompProfile, { type: "RuntimeDefault" });
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      assert.equal(spec.containers.length, 1);
    }
  });

  test("images have a version", () => {
    for (const { container } of [...PODS]) assert.match(container.image, /^\S+:(?!latest$)[\w.-]+$/);
  });

  test("secrets are named and nowhere written", () => {
    assert.deepEqual(kind("Secret"), []);
    const secret = /PASSWORD|SECRET|API_KEY|ACCESS_KEY|TOKEN|DATABASE_URL|REDIS_URL/;
    const written = [
      ...PODS.flatMap(({ container }) => container.env ?? []).filter(({ value }: Manifest) => value !== undefined),
      ...kind("ConfigMap").flatMap(({ data }) => Object.keys(data).map((name) => ({ name }))),
    ];
    assert.deepEqual(
      written.filter(({ name }: Manifest) => secret.test(name)),
      [],
    );
    for (const file of globSync("secrets.example/*.env", { cwd: HERE })) {
      for (const [name, value] of variables(read(file))) assert.equal(value, "", `${file}: ${name}`);
    }
  });

  test("each service has the secrets that it needs, and there is an example of each", () => {
    const of = (part: string): string[] =>
      PODS.filter(({ container }) =>
        container.envFrom.some((from: Manifest) => from.secretRef?.name === `sluice-${part}`),
      )
        .map(serviceOf)
        .filter((service, index, all) => all.indexOf(service) === index)
        .sort();
    assert.deepEqual(of("connections"), [...ALL_SERVICES, "topics"].sort());
    assert.deepEqual(of("models"), ["inference", "replay"]);
    assert.deepEqual(of("webhooks"), ["gateway", "ingest", "replay", "results"]);
    assert.deepEqual(of("files"), ["gateway", "results"]);
    const examples = globSync("*.env", { cwd: join(HERE, "secrets.example") });
    assert.deepEqual(examples.sort(), ["connections.env", "files.env", "models.env", "webhooks.env"]);
  });

  test("every variable of the files is one that docs/operations.md names", () => {
    const text = readFileSync(join(ROOT, "docs", "operations.md"), "utf8");
    for (const file of globSync(["secrets.example/*.env", "base/*.env", "overlays/*/*.env"], { cwd: HERE })) {
      const commented = [...read(file).matchAll(/^# ([A-Z_]+)=/gm)].map(([, name = ""]) => name);
      for (const name of [...commented, ...variables(read(file)).map(([known]) => known)]) {
        assert.ok(text.includes(`\`${name}\``), `${file}: ${name}`);
      }
    }
  });
});
