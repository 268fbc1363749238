/** What the verbs about replays work with: a running Sluice, and what a run of a replay is made from. */
import { randomUUID } from "node:crypto";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { type OpenParts, openParts } from "../../services/replay/parts.ts";
import { summaryOf } from "../../services/replay/summary.ts";
import { openHome } from "../../tools/stack/home.ts";
import { fetchedModelEnv, modelEnv } from "../../tools/stack/model.ts";
import { ownSecrets } from "../../tools/stack/secrets.ts";
import { type Env, openContext, ROOT, registerSchemas, runState, stateDir } from "../context.ts";
import { say } from "../output/terminal.ts";
import { readSettings } from "../tiers/settings.ts";

/** The parts are closed when the work has ended. @param tried settings that may want an embedding model where those in force want none. */
export async function withReplayParts<T>(
  env: Env,
  work: (parts: OpenParts) => Promise<T>,
  tried?: Settings,
): Promise<T> {
  const variables = await replayVariables(env, tried);
  const context = await openContext(env, variables);
  await registerSchemas(context);
  const parts: OpenParts = openParts({
    ...context,
    instance: `replay-cli-${randomUUID().slice(0, 8)}`,
    variables,
    summarise: (replay) => summaryOf(parts, replay),
  });
  try {
    return await work(parts);
  } finally {
    await parts.close();
  }
}

/** What the services of a stack on this machine were given: its model server, its secret, its embedding model. The environment goes first. */
async function replayVariables(env: Env, tried: Settings | undefined): Promise<Env> {
  const endpoints = env["KAFKA_BROKERS"] === undefined ? runState(env)?.endpoints : undefined;
  const fetched = fetchedModelEnv({ root: ROOT, env });
  if (endpoints === undefined) return { ...env, ...fetched };
  const { mock_llm } = endpoints;
  const mocked = mock_llm !== null && !env["OPENAI_BASE_URL"];
  const model = { ...fetched };
  for (const settings of [await readSettings(env), ...(tried === undefined ? [] : [tried])]) {
    Object.assign(model, await modelEnv({ root: ROOT, env, say }, settings));
  }
  return {
    ...env,
    ...(mocked ? { OPENAI_BASE_URL: `${mock_llm}/v1`, OPENAI_API_KEY: env["OPENAI_API_KEY"] || "mock" } : {}),
    ...ownSecrets(openHome(ROOT, stateDir(env)), env),
    ...model,
  };
}
