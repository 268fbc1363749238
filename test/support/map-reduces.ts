/** Map-reduces on a real pipeline: their documents, and the calls of their API. A call that finds no gateway is none, and is made again. */
import type { Pipeline } from "./pipeline.ts";
import { until } from "./until.ts";

export type MapReduce = {
  readonly id: string;
  readonly status: string;
  readonly answer: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly cost_usd: number;
  readonly budget_usd: number;
  readonly documents: { total: number; empty: number; shards: number; duplicates: number };
  readonly progress: {
    readonly text: string;
    readonly map: { total: number; done: number; failed: number };
    readonly waves: readonly { total: number; done: number }[];
  };
};

type Document = { readonly id: string; readonly text: string };

/** Of one that fails as long as the mock has faults. */
export function badDocument(index: number): string {
  return `bad-${index}`;
}

/**
 * A tenth of them have the text of another, one after so many is bad; of the others each tenth fails once at first, whenever it is
 * asked.
 */
export function documentsOf(count: number, bad_every: number): Document[] {
  return Array.from({ length: count }, (_, index) => {
    if (index % bad_every === 0) return { id: badDocument(index), text: `Report ${index} says little.` };
    const number = index % 10 === 9 ? index - 1 : index;
    const fault = number % 10 === 3 ? "500:1" : "none";
    return { id: `report-${index}`, text: `[[mock fault=${fault}]] Report ${number} tells of the sale of boats.` };
  });
}

const OUTPUT_TOKENS = 64;

export function mapReduces({ gateway_url }: Pipeline, key: string) {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${gateway_url}/v1/map-reduce${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    async isKnown(): Promise<boolean> {
      await ask("GET", "");
      return true;
    },
    start: (documents: readonly Document[], budget_usd: number) =>
      ask("POST", "", {
        documents,
        budget_usd,
        map: { prompt: "What happened? One sentence.", tier: "small", max_output_tokens: OUTPUT_TOKENS },
        reduce: { prompt: "Put these together.", tier: "small", max_output_tokens: OUTPUT_TOKENS },
      }) as Promise<MapReduce>,
    find: (id: string) => ask("GET", `/${id}`) as Promise<MapReduce>,
    /** Ids of the documents whose shards have failed, in order. */
    async failed(id: string): Promise<string[]> {
      const { data } = (await ask("GET", `/${id}/shards?status=failed&limit=100`)) as {
        data: { document_id: string }[];
      };
      return data.map(({ document_id }) => document_id);
    },
    /** Until it goes on, once: who was told nothing and asks again is told that it has not ended. */
    async retry(id: string, more: { readonly budget_usd?: number }): Promise<void> {
      await until(`${id} goes on`, async () => {
        await ask("POST", `/${id}/retry`, more).catch((error: Error) => {
          if (!error.message.includes(" 409 ")) throw error;
        });
        return true;
      });
    },
  };
}
