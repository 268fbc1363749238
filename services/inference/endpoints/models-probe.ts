/** Asks an endpoint for its models: the cheapest question of the OpenAI API. */
import { request } from "undici";

/**
 * `GET <base_url>/models`. Any answer below 500 says that somebody is there: not every server lists its models, and what becomes
 * of a refused key is decided elsewhere. Rejects when nothing answers in time.
 */
export async function probeModels(base_url: string, key: string | undefined, timeout_ms: number): Promise<boolean> {
  const { statusCode, body } = await request(`${base_url.replace(/\/$/, "")}/models`, {
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(timeout_ms),
  });
  // Read on so that the connection can be used again, up to a bound.
  await body.dump();
  return statusCode < 500;
}
