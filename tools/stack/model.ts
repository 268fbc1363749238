import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { wantsEmbeddings } from "../../libs/shared/embedding/place.ts";
import { waitLock } from "./lock.ts";
import { runMaven } from "./maven.ts";
import { type Env, onPath } from "./tools.ts";

/** The variable that names the folder of the embedding model to services. */
export const MODEL_DIR_VARIABLE = "SLUICE_EMBEDDING_MODEL_DIR";

/** The model that can be fetched; another one is brought by whoever names it in the settings. */
const MODEL = "all-minilm-l6-v2-q";
const FETCH_WAIT_MS = 10 * 60_000;
const WITHOUT = "The semantic cache is off; everything else works.";

export type ModelInput = {
  /** The checkout. */
  readonly root: string;
  readonly env: Env;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
};

/** What services get in their environment: the folder of the model, where the settings want one in process and it can be had. */
export async function modelEnv(
  input: ModelInput,
  settings: Pick<Settings, "cache" | "routing">,
): Promise<Readonly<Record<string, string>>> {
  const { embedding } = settings.cache.semantic;
  if (!wantsEmbeddings(settings) || embedding.endpoint !== undefined) return {};
  const dir = await embeddingModelDir(input, embedding.model);
  return dir === undefined ? {} : { [MODEL_DIR_VARIABLE]: dir };
}

/**
 * The folder with the model's files: the one that SLUICE_EMBEDDING_MODEL_DIR names, else `.sluice/models/<model>`, fetched from Maven
 * Central where it is not there yet. It has nothing to do with where the parts come from.
 * @returns undefined where it cannot be had; a line has said why and what to do.
 */
export async function embeddingModelDir(input: ModelInput, model: string = MODEL): Promise<string | undefined> {
  const { root, env, say } = input;
  const given = env[MODEL_DIR_VARIABLE];
  if (given) return given;
  if (model !== MODEL) {
    say(`${MODEL_DIR_VARIABLE} is not set, and only ${MODEL} can be fetched, not ${model}. ${WITHOUT}`);
    return undefined;
  }
  const dir = join(root, ".sluice", "models", MODEL);
  if (isFetched(root, dir)) return dir;
  const mvn = onPath("mvn", env);
  if (mvn === undefined) {
    say(
      `There is no mvn to fetch the embedding model with. ${WITHOUT} Install Maven and start again, set ${MODEL_DIR_VARIABLE} to a folder ` +
        `with ${MODEL}.onnx and ${MODEL}-tokenizer.json, or name an endpoint in cache.semantic.embedding.`,
    );
    return undefined;
  }
  const problem = await fetchModel(input, dir, mvn);
  if (problem === undefined) return dir;
  say(`Maven could not fetch the embedding model:\n${problem}\n${WITHOUT} Check that Maven Central can be reached.`);
  return undefined;
}

/** The folder of the model where it has been fetched already, or is named by the environment; nothing is fetched. */
export function fetchedModelEnv({ root, env }: Pick<ModelInput, "root" | "env">): Readonly<Record<string, string>> {
  const dir = env[MODEL_DIR_VARIABLE] || join(root, ".sluice", "models", MODEL);
  return env[MODEL_DIR_VARIABLE] || isFetched(root, dir) ? { [MODEL_DIR_VARIABLE]: dir } : {};
}

/** The stamp is written last: a fetch that was cut short is done again. @returns what went wrong. */
async function fetchModel({ root, env, say, signal }: ModelInput, dir: string, mvn: string) {
  mkdirSync(join(root, ".sluice", "models"), { recursive: true });
  const release = await waitLock(`${dir}.lock`, FETCH_WAIT_MS);
  try {
    if (isFetched(root, dir)) return undefined;
    say("fetching the embedding model from Maven Central (once, 20 MB)");
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { mode: 0o755 });
    const problem = await runMaven({ mvn, pom: pomOf(root), options: [`-Dmodel.dir=${dir}`], env, signal });
    if (problem === undefined) writeFileSync(join(dir, "stamp"), stampOf(root));
    return problem;
  } finally {
    release();
  }
}

const pomOf = (root: string): string => join(root, "tools", "stack", "model", "pom.xml");

function stampOf(root: string): string {
  return createHash("sha256")
    .update(readFileSync(pomOf(root)))
    .digest("hex");
}

function isFetched(root: string, dir: string): boolean {
  const stamp = join(dir, "stamp");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === stampOf(root);
}
