/** Requests over HTTP at a fixed rate for as long as something else is measured. */
import { Agent, request } from "undici";
import { type LoadResult, openLoop } from "../support/load.ts";

export type Asking = {
  /** Awaits what is under way. */
  stop(): Promise<LoadResult>;
};

const DURATION_MS_MAX = 3_600_000;
const CONNECTIONS = 256;
/** Of so many requests one asks what was asked before: the cache has something to do. */
const REPEATED_OF = 10;

let asked = 0;

export function startAsking(gateway_url: string, api_key: string, rate_per_s: number): Asking {
  const dispatcher = new Agent({ connections: CONNECTIONS });
  const stopping = new AbortController();
  const shot = async (): Promise<boolean> => {
    asked += 1;
    const words = asked % REPEATED_OF === 0 ? "Question 0" : `Question ${process.pid}-${asked}`;
    const { statusCode, body } = await request(`${gateway_url}/v1/chat/completions`, {
      method: "POST",
      dispatcher,
      headers: { "content-type": "application/json", authorization: `Bearer ${api_key}` },
      body: JSON.stringify({
        model: "gpt-4.1-mini",
        messages: [{ role: "user", content: `${words} of many: what is a partition?` }],
      }),
    });
    const text = await body.text();
    return statusCode === 200 && text.includes(words);
  };
  const running = openLoop(rate_per_s, DURATION_MS_MAX, shot, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      const result = await running;
      await dispatcher.close();
      return result;
    },
  };
}
