/** What deploy/kubernetes renders to, and how to look into it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSettings } from "../../libs/shared/config/parse.ts";
import { documents, findKustomize, type Manifest, render, renderWith } from "./kustomize.ts";

export const ROOT = join(import.meta.dirname, "..", "..");
export const HERE = join(ROOT, "deploy", "kubernetes");
export const BASE = join(HERE, "base");
export const PRODUCTION = join(HERE, "overlays", "production");
export const read = (...path: string[]): string => readFileSync(join(HERE, ...path), "utf8");

export const KUSTOMIZE = findKustomize(process.env);
export const rendered = (folder: string): Manifest[] => (KUSTOMIZE ? renderWith(KUSTOMIZE, folder) : render(folder));
export const ALL = rendered(PRODUCTION);
export const BY_AGE = documents(read("components", "keda-age", "scaled-objects.yaml"));
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
