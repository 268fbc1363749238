/** Reads an OpenAI stream as cheaply as a load run needs: pieces are counted, and only those with text, usage or an error are parsed. Pure. */

export type StreamEnd = {
  readonly text: string;
  readonly done: boolean;
  readonly error: string | undefined;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: number;
};

type Chunk = {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly tool_calls?: unknown };
  }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null;
  readonly sluice?: { readonly cost_usd?: number };
  readonly error?: { readonly code?: string | null };
};

const DATA = "data: ";

export class StreamReading {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #text = "";
  #done = false;
  #error: string | undefined;
  #usage: NonNullable<Chunk["usage"]> = {};
  #cost_usd = 0;

  /** @returns how many pieces of the answer have come. */
  take(bytes: Uint8Array): number {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.reduce(
      (pieces, line) => pieces + (line.startsWith(DATA) ? this.#line(line.slice(DATA.length)) : 0),
      0,
    );
  }

  end(): StreamEnd {
    const { prompt_tokens = 0, completion_tokens = 0 } = this.#usage;
    return {
      text: this.#text,
      done: this.#done,
      error: this.#error,
      prompt_tokens,
      completion_tokens,
      cost_usd: this.#cost_usd,
    };
  }

  #line(data: string): number {
    if (data.startsWith("[DONE]")) {
      this.#done = true;
      return 0;
    }
    const { choices, usage, sluice, error } = parse(data);
    if (error !== undefined) this.#error = error.code ?? "stream_error";
    if (usage) this.#usage = usage;
    if (sluice?.cost_usd !== undefined) this.#cost_usd = sluice.cost_usd;
    const delta = choices?.[0]?.delta;
    if (delta?.tool_calls !== undefined) return 1;
    if (typeof delta?.content !== "string" || delta.content === "") return 0;
    this.#text += delta.content;
    return 1;
  }
}

function parse(data: string): Chunk {
  try {
    return JSON.parse(data) as Chunk;
  } catch {
    return { error: { code: "stream_garbage" } };
  }
}
