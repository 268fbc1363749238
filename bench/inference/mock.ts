/** The mock model server, as a scenario sets it and reads its counts (`tools/mock-llm/README.md`). */
import { request } from "undici";
import type { StatsSnapshot } from "../../tools/mock-llm/stats.ts";
import type { TimelineSnapshot } from "../../tools/mock-llm/timeline.ts";

export type MockBehaviour = {
  readonly latency_ms?: number;
  readonly ttft_ms?: number;
  readonly itl_ms?: number;
  readonly fault_rate?: number;
  readonly faults?: readonly (string | number)[];
};

export type MockControl = {
  /** With `/v1`, as a client of OpenAI's takes it. */
  readonly base_url: string;
  behave(behaviour: MockBehaviour): Promise<void>;
  stats(): Promise<StatsSnapshot>;
  timeline(model: string): Promise<TimelineSnapshot>;
};

export function mockControl(url: string): MockControl {
  const ask = async <T>(path: string, body?: object): Promise<T> => {
    const sent = body === undefined ? {} : ({ method: "POST", body: JSON.stringify(body) } as const);
    const answer = await request(`${url}${path}`, sent);
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`the mock answers ${path} with ${answer.statusCode}: ${text}`);
    return JSON.parse(text) as T;
  };
  return {
    base_url: `${url}/v1`,
    async behave(behaviour) {
      await ask("/mock/faults", behaviour);
    },
    stats: () => ask("/stats"),
    timeline: (model) => ask(`/stats/timeline?model=${encodeURIComponent(model)}`),
  };
}
