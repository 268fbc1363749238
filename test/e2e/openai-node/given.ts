/** The pipeline, the client for Node, and what its tests share. */
import OpenAI from "openai";
import { type ClientPipeline, startClientPipeline } from "../../support/clients/pipeline.ts";
import { type Receiver, startReceiver } from "../../support/clients/receiver.ts";
import type { Pipeline } from "../../support/pipeline.ts";
import { until } from "../../support/until.ts";

export type Chat = OpenAI.Chat.Completions.ChatCompletionCreateParamsNonStreaming;
type Stored = { readonly id: string; readonly status: string; readonly result?: Readonly<Record<string, unknown>> };

export const WEATHER = {
  type: "function",
  function: {
    name: "weather",
    description: "How it is there",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
} as const;

export class Given {
  #on: ClientPipeline | undefined;
  #hooks: Receiver | undefined;
  #client: OpenAI | undefined;

  async start(): Promise<void> {
    this.#on = await startClientPipeline("openai-node");
    this.#hooks = await startReceiver();
    this.#client = this.clientOf();
  }

  async stop(): Promise<void> {
    this.#hooks?.close();
    await this.#on?.stop();
  }

  /** Of the demo tenant; it tries nothing again. */
  get client(): OpenAI {
    return there(this.#client);
  }

  get on(): ClientPipeline {
    return there(this.#on);
  }

  get pipeline(): Pipeline {
    return this.on.pipeline;
  }

  get hooks(): Receiver {
    return there(this.#hooks);
  }

  clientOf(more: ConstructorParameters<typeof OpenAI>[0] = {}): OpenAI {
    return new OpenAI({ baseURL: this.on.base_url, apiKey: this.pipeline.api_key, maxRetries: 0, ...more });
  }

  /** The request, when it has its Result. */
  stored(id: string): Promise<Required<Stored>> {
    return until(`${id} has ended`, async () => {
      const found = await this.client.get<Stored>(`/requests/${id}`);
      const { result } = found;
      return result !== undefined && { ...found, result };
    });
  }

  /** Calls of the model for a request. */
  async callsOf(id: string): Promise<number> {
    return (await this.pipeline.calls(1)).find((one) => one.id === id)?.calls ?? 0;
  }
}

export function ask(content: string, more: Partial<Chat> = {}): Chat {
  return { model: "gpt-4.1-mini", messages: [{ role: "user", content }], ...more };
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export function textOf(chunks: readonly OpenAI.Chat.Completions.ChatCompletionChunk[]): string {
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it was not started");
  return value;
}
