/** The gateway's OpenAI API as a door, streaming or not. */
import { Agent, type Dispatcher } from "undici";
import { readBounded } from "../../libs/shared/http/bounded.ts";
import { type Ask, bodyOf, TENANT_DEFAULT } from "./body.ts";
import { type Door, type Ended, preciseNow_ms } from "./door.ts";
import { type StreamEnd, StreamReading } from "./stream-reading.ts";

export type HttpDoorOptions = {
  readonly url: string;
  /** By tenant. */
  readonly keys: Readonly<Record<string, string>>;
  readonly stream: boolean;
  readonly is_mock: boolean;
  readonly connections_max: number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
};

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const COST_HEADER = "x-sluice-cost-usd";
const CACHE_HEADER = "x-sluice-cache";

export function openHttpDoor(options: HttpDoorOptions): Door {
  // Time-outs are the run's own.
  const agent = new Agent({ connections: options.connections_max, headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
  return {
    async ask(ask, timeout_ms, token) {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), timeout_ms);
      const stop = (): void => late.abort();
      options.signal.addEventListener("abort", stop, { once: true });
      try {
        return await askOnce(agent, options, ask, late.signal, token);
      } catch (error) {
        if (options.signal.aborted) return { kind: "interrupted" };
        return late.signal.aborted ? { kind: "timed_out" } : { kind: "failed", code: connectionCode(error) };
      } finally {
        clearTimeout(timer);
        options.signal.removeEventListener("abort", stop);
      }
    },
    close: () => agent.destroy(),
  };
}

async function askOnce(
  agent: Agent,
  { url, keys, stream, is_mock }: HttpDoorOptions,
  ask: Ask,
  signal: AbortSignal,
  token: (at_ms: number) => void,
): Promise<Ended> {
  const reply = await agent.request({
    origin: url,
    path: ask.template.kind === "chat" ? "/v1/chat/completions" : "/v1/embeddings",
    method: "POST",
    headers: {
      authorization: `Bearer ${keys[ask.template.tenant ?? TENANT_DEFAULT]}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(bodyOf(ask, { stream, is_mock })),
    signal,
  });
  if (reply.statusCode !== 200) return { kind: "failed", code: await errorCode(reply) };
  return stream ? readStream(reply, token) : readWhole(reply);
}

type Usage = { readonly prompt_tokens?: number; readonly completion_tokens?: number };
type Whole = {
  readonly usage?: Usage;
  readonly choices?: readonly { readonly message?: { readonly content?: string } }[];
};

async function readWhole({ body, headers }: Dispatcher.ResponseData): Promise<Ended> {
  const bytes = await readBounded(body, ANSWER_BYTES_MAX);
  const ended_ms = preciseNow_ms();
  if (bytes === undefined) return { kind: "failed", code: "answer_too_large" };
  const { usage = {}, choices } = JSON.parse(bytes.toString()) as Whole;
  const cost_nusd = Math.round(Number(headers[COST_HEADER] ?? 0) * 1e9);
  const { prompt_tokens = 0, completion_tokens = 0 } = usage;
  const text = choices?.[0]?.message?.content ?? "";
  const cache = headers[CACHE_HEADER]?.toString();
  // How fast a whole answer was written, nobody here can tell.
  const tokens_per_s = undefined;
  return {
    kind: "answered",
    answer: { text, ended_ms, cost_nusd, prompt_tokens, completion_tokens, cache, tokens_per_s },
  };
}

async function readStream({ body, headers }: Dispatcher.ResponseData, token: (at_ms: number) => void): Promise<Ended> {
  const reading = new StreamReading();
  let first_ms: number | undefined;
  let last_ms = 0;
  let pieces = 0;
  for await (const chunk of body) {
    const now_ms = preciseNow_ms();
    for (let left = reading.take(chunk as Buffer); left > 0; left -= 1) {
      first_ms ??= now_ms;
      last_ms = now_ms;
      pieces += 1;
      token(now_ms);
    }
  }
  const ended_ms = preciseNow_ms();
  const end: StreamEnd = reading.end();
  if (end.error !== undefined) return { kind: "failed", code: end.error };
  if (!end.done) return { kind: "failed", code: "stream_cut_off" };
  const { text, prompt_tokens, completion_tokens, cost_usd } = end;
  const span_ms = first_ms === undefined ? 0 : last_ms - first_ms;
  const tokens_per_s = pieces > 1 && span_ms > 0 ? ((completion_tokens - 1) * 1_000) / span_ms : undefined;
  const cache = headers[CACHE_HEADER]?.toString();
  const cost_nusd = Math.round(cost_usd * 1e9);
  return {
    kind: "answered",
    answer: { text, ended_ms, cost_nusd, prompt_tokens, completion_tokens, cache, tokens_per_s },
  };
}

async function errorCode({ body, statusCode }: Dispatcher.ResponseData): Promise<string> {
  const bytes = await readBounded(body, ANSWER_BYTES_MAX);
  try {
    const { error } = JSON.parse(String(bytes)) as { readonly error?: { readonly code?: unknown } };
    if (typeof error?.code === "string") return error.code;
  } catch {
    // Not one of the gateway's errors: its status has to do.
  }
  return `http_${statusCode}`;
}

function connectionCode(error: unknown): string {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } };
  const found = cause?.code ?? code;
  return typeof found === "string" ? found.toLowerCase() : "connection_failed";
}
