/**
 * Renders a kustomization: by kustomize, where the machine has it, and by a reading of our own, which knows what deploy/kubernetes uses and
 * refuses everything else. A test holds the two together, so that either may be looked at.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments } from "yaml";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const TOOLS = join(ROOT, ".sluice", "tools");
const KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1";
const BUILD_MS_MAX = 300_000;
const RENDER_MS_MAX = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: manifests are looked into by path, and checked by their schemas
export type Manifest = any;

type Generator = { name: string; behavior?: string; files?: string[]; envs?: string[] };
type Patch = { path?: string; patch?: string; target: { kind: string; name?: string } };
type Kustomization = {
  apiVersion: string;
  kind: string;
  namespace?: string;
  resources?: string[];
  components?: string[];
  patches?: Patch[];
  configMapGenerator?: Generator[];
  images?: { name: string; newName?: string; newTag?: string }[];
  replicas?: { name: string; count: number }[];
};

/**
 * The kustomize of this machine, alone or in kubectl; built from its pinned source with Go where SLUICE_BUILD_KUSTOMIZE is true, which takes
 * some two minutes, once.
 * @returns undefined where there is none.
 */
export function findKustomize(env: NodeJS.ProcessEnv): readonly string[] | undefined {
  const built = join(TOOLS, "kustomize");
  const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
  if (works("kustomize", "version")) return ["kustomize", "build"];
  if (works("kubectl", "kustomize", "--help")) return ["kubectl", "kustomize"];
  if (!existsSync(built) && env["SLUICE_BUILD_KUSTOMIZE"] === "true") {
    spawnSync("go", ["install", KUSTOMIZE], { env: { ...env, GOBIN: TOOLS }, timeout: BUILD_MS_MAX });
  }
  return existsSync(built) ? [built, "build"] : undefined;
}

/** @throws Error with what kustomize says. */
export function renderWith([command = "", ...args]: readonly string[], folder: string): Manifest[] {
  const { status, stdout, stderr } = spawnSync(command, [...args, folder], {
    encoding: "utf8",
    timeout: RENDER_MS_MAX,
  });
  if (status !== 0) throw new Error(stderr);
  return documents(stdout);
}

/** As kustomize does, but for the hashes in names of ConfigMaps. */
export function render(folder: string): Manifest[] {
  return accumulate(folder, []);
}

export function documents(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS());
}

function accumulate(folder: string, given: Manifest[]): Manifest[] {
  const { apiVersion, kind, ...is } = parse(read(folder, "kustomization.yaml")) as Kustomization;
  const { namespace, resources, components, patches, configMapGenerator, images, replicas, ...unknown } = is;
  if (Object.keys(unknown).length > 0) throw new Error(`${folder}: unknown ${Object.keys(unknown)}`);
  let all = [...given];
  for (const resource of resources ?? []) {
    all.push(...(resource.endsWith(".yaml") ? documents(read(folder, resource)) : render(join(folder, resource))));
  }
  for (const component of components ?? []) all = accumulate(join(folder, component), all);
  for (const generator of configMapGenerator ?? []) generate(folder, generator, all);
  for (const patch of patches ?? []) all = all.map((one) => (isTarget(one, patch) ? patched(folder, patch, one) : one));
  for (const one of all) {
    if (namespace !== undefined && one.kind !== "Namespace") one.metadata.namespace = namespace;
    for (const container of one.spec?.template?.spec?.containers ?? [])
      container.image = imageOf(container.image, images);
    for (const { name, count } of replicas ?? []) {
      if (one.kind === "Deployment" && one.metadata.name === name) one.spec.replicas = count;
    }
  }
  return all;
}

function generate(folder: string, { name, behavior, files, envs }: Generator, all: Manifest[]): void {
  const data = Object.fromEntries([
    ...(files ?? []).map((file) => [file, read(folder, file)]),
    ...(envs ?? []).flatMap((file) => variables(read(folder, file))),
  ]);
  const before = all.find((one) => one.kind === "ConfigMap" && one.metadata.name === name);
  if (behavior === undefined) all.push({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
  else if (behavior === "merge" && before) Object.assign(before.data, data);
  else throw new Error(`${folder}: ConfigMap ${name}: ${behavior}`);
}

/** Of an `.env` file. */
export function variables(text: string): [string, string][] {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

function isTarget(one: Manifest, { target }: Patch): boolean {
  return one.kind === target.kind && new RegExp(`^(${target.name ?? ".*"})$`).test(one.metadata.name);
}

function patched(folder: string, { path, patch }: Patch, one: Manifest): Manifest {
  if (path !== undefined) {
    const { metadata, ...rest } = parse(read(folder, path));
    return merged(one, rest, "");
  }
  const [step, ...more] = parse(patch ?? "") as { op: string; path: string }[];
  if (step?.op !== "remove" || step.path !== "/spec/replicas" || more.length > 0)
    throw new Error(`${folder}: ${patch}`);
  const { replicas, ...spec } = one.spec;
  return { ...one, spec };
}

const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  env: "name",
  volumes: "name",
  volumeMounts: "mountPath",
  ports: "containerPort",
};

/** A strategic merge: maps field by field, lists by their keys, what is in the patch first; other lists are replaced. */
function merged(base: Manifest, patch: Manifest, field: string): Manifest {
  const key = MERGE_KEYS[field];
  if (Array.isArray(base) && Array.isArray(patch) && key !== undefined) {
    const patches = patch.map((item) => merged(base.find((other) => other[key] === item[key]) ?? {}, item, ""));
    return [...patches, ...base.filter((item) => !patch.some((other) => other[key] === item[key]))];
  }
  if (!isMap(base) || !isMap(patch)) return patch;
  const changed = Object.entries(patch).map(([name, value]) => [name, merged(base[name], value, name)]);
  return { ...base, ...Object.fromEntries(changed) };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function imageOf(image: string, images: Kustomization["images"]): string {
  const [name = "", tag] = image.split(/:(?=[^/]*$)/);
  const found = images?.find((one) => one.name === name);
  const to = found?.newTag ?? tag;
  return `${found?.newName ?? name}${to === undefined ? "" : `:${to}`}`;
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), "utf8");
}
