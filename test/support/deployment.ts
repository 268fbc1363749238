/** What deploy/kubernetes renders to, and how to look into it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { stringify } from "yaml";
import { parseSettings } from "../../libs/shared/config/parse.ts";
import { findKustomize, type Manifest, render, renderWith } from "./kustomize.ts";

export const ROOT = join(import.meta.dirname, "..", "..");
export const HERE = join(ROOT, "deploy", "kubernetes");
export const BASE = join(HERE, "base");
export const PRODUCTION = join(HERE, "overlays", "production");
export const read = (...path: string[]): string => readFileSync(join(HERE, ...path), "utf8");

export const KUSTOMIZE = findKustomize(process.env);
export const rendered = (folder: string): Manifest[] => (KUSTOMIZE ? renderWith(KUSTOMIZE, folder) : render(folder));
export const ALL = rendered(PRODUCTION);
/** The same with the other component of KEDA's. */
export const BY_AGE = renderedByAge();

function renderedByAge(): Manifest[] {
  mkdirSync(join(ROOT, ".sluice"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".sluice", "by-age-"));
  const there = (path: string): string => relative(folder, join(HERE, path));
  const resources = [there("base")];
  const components = [there("components/keda-age")];
  const is = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    namespace: "sluice",
    resources,
    components,
  };
  try {
    writeFileSync(join(folder, "kustomization.yaml"), stringify(is));
    return rendered(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
export const kind = (name: string, of: readonly Manifest[] = ALL): Manifest[] => of.filter((one) => one.kind === name);
export const DEPLOYMENTS = kind("Deployment");
export const PODS: Manifest[] = [...DEPLOYMENTS, ...kind("Job")].map(({ metadata, spec }) => ({
  name: metadata.name,
  labels: spec.template.metadata.labels,
  spec: spec.template.spec,
  container: spec.template.spec.containers[0],
}));
export const podOf = (name: string): Manifest => PODS.find((pod) => pod.name === name) ?? assert.fail(`no ${name}`);
export const serviceOf = (pod: Manifest): string => pod.labels["app.kubernetes.io/component"];
export const variableOf = (pod: Manifest, name: string): string | undefined =>
  pod.container.env.find((one: Manifest) => one.name === name)?.value;

export const SETTINGS = parseSettings(read("base", "sluice.yaml"), "sluice.yaml");
export const matches = (labels: Manifest, selector: Manifest): boolean =>
  Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
export const chosen = (selector: Manifest): string[] =>
  PODS.filter(({ labels }) => matches(labels, selector)).map(({ name }) => name);
