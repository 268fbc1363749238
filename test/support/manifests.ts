/** Checks of Kubernetes objects: by the published schemas, and by what the types made from them know. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { Job } from "kubernetes-models/batch/v1/Job";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Namespace } from "kubernetes-models/v1/Namespace";
import { Service } from "kubernetes-models/v1/Service";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import type { Manifest } from "./kustomize.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

type Model = new (object: Manifest) => { validate(): void };

const MODELS: ReadonlyMap<string, { readonly model: Model; readonly from: string }> = new Map([
  ["keda.sh/v1alpha1/ScaledObject", { model: ScaledObject, from: "@kubernetes-models/keda/keda.sh/v1alpha1" }],
  ["apps/v1/Deployment", { model: Deployment, from: "kubernetes-models/apps/v1" }],
  ["batch/v1/Job", { model: Job, from: "kubernetes-models/batch/v1" }],
  ["networking.k8s.io/v1/NetworkPolicy", { model: NetworkPolicy, from: "kubernetes-models/networking.k8s.io/v1" }],
  ["policy/v1/PodDisruptionBudget", { model: PodDisruptionBudget, from: "kubernetes-models/policy/v1" }],
  ["v1/ConfigMap", { model: ConfigMap, from: "kubernetes-models/v1" }],
  ["v1/Namespace", { model: Namespace, from: "kubernetes-models/v1" }],
  ["v1/Service", { model: Service, from: "kubernetes-models/v1" }],
  ["v1/ServiceAccount", { model: ServiceAccount, from: "kubernetes-models/v1" }],
]);

/** @returns what is wrong, in words; a kind that is not known here is. */
export function problemsOf(object: Manifest): string[] {
  const known = MODELS.get(`${object.apiVersion}/${object.kind}`);
  if (known === undefined) return [`no schema for ${object.apiVersion} ${object.kind}`];
  try {
    new known.model(object).validate();
    return [];
  } catch (error) {
    return [`${object.kind} ${object.metadata?.name}: ${error instanceof Error ? error.message : error}`];
  }
}

/**
 * The schemas allow fields that they do not know, so that a misspelt one would be lost. The types made from them do not: each object is written as
 * a literal of its type, and TypeScript reads them.
 * @returns its complaints.
 */
export function unknownFields(objects: readonly Manifest[]): string {
  const folder = join(ROOT, ".sluice");
  mkdirSync(folder, { recursive: true });
  const place = mkdtempSync(join(folder, "manifests-"));
  try {
    const lines = objects.map((object, index) => {
      const { from } = MODELS.get(`${object.apiVersion}/${object.kind}`) ?? { from: "" };
      return `export const ${object.kind}_${index}: import("${from}/${object.kind}").I${object.kind} = ${JSON.stringify(object)};`;
    });
    writeFileSync(join(place, "manifests.ts"), lines.join("\n"));
    const flags = "--ignoreConfig --noEmit --strict --skipLibCheck --module nodenext --types node".split(" ");
    const args = [join(ROOT, "node_modules", ".bin", "tsc"), ...flags, join(place, "manifests.ts")];
    return spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" }).stdout;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
