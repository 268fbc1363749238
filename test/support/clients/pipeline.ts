/** The pipeline that OpenAI's own clients are tried on, and what they need of it. */
import { type Pipeline, startPipeline } from "../pipeline.ts";
import { until } from "../until.ts";
import { startEchoModel } from "./echo-model.ts";

export const BODY_BYTES_MAX = 200_000;

export type ClientPipeline = {
  readonly pipeline: Pipeline;
  /** What a client takes as its `base_url`. */
  readonly base_url: string;
  /** Of a tenant that may ask once a second. */
  readonly limited_key: string;
  /** Of the demo tenant; it may not submit. */
  readonly reader_key: string;
  stop(): Promise<void>;
};

/**
 * Answers are cached, exactly the same request alone. The model `echo` says what it was sent. Webhooks may go to this machine.
 * @param name of the test file, unique among them.
 */
export async function startClientPipeline(name: string): Promise<ClientPipeline> {
  const echo = await startEchoModel();
  try {
    const pipeline = await startPipeline({
      name,
      env: { E2E_ECHO_URL: echo.base_url },
      settings: {
        gateway: { body_bytes_max: BODY_BYTES_MAX },
        endpoints: { echo: { base_url_env: "E2E_ECHO_URL", api_key_env: "OPENAI_API_KEY" } },
        tiers: { echo: { models: ["echo"], endpoint: "echo" } },
        routing: { ladder: ["small", "large"] },
        prices: { models: { echo: { input_usd_per_mtok: 1, output_usd_per_mtok: 1 } } },
        cache: { exact: { enabled: true } },
        // What a client tries again by itself is not to be tried here before.
        inference: { attempts_max: 1 },
        webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"], retry_after_s: [1] },
        jobs: { poll_ms: 100 },
        plans: {
          default: { limits: { tenant: { requests_per_minute: 100_000, tokens_per_minute: 100_000_000 } } },
          limited: { limits: { tenant: { requests_per_minute: 60 }, algorithm: "token_bucket", burst_s: 1 } },
        },
        tenants: { limited: { plan: "limited" } },
      },
    });
    const limited_key = await pipeline.createKey("limited");
    const reader_key = await pipeline.createKey("demo", ["read"]);
    for (const key of [limited_key, reader_key]) await known(pipeline, key);
    const base_url = `${pipeline.gateway_url}/v1`;
    const stop = async (): Promise<void> => {
      await pipeline.stop();
      await echo.close();
    };
    return { pipeline, base_url, limited_key, reader_key, stop };
  } catch (error) {
    await echo.close();
    throw error;
  }
}

async function known({ gateway_url }: Pipeline, key: string): Promise<void> {
  await until("a new key is known", async () => {
    const reply = await fetch(`${gateway_url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    await reply.body?.cancel();
    return reply.ok;
  });
}
