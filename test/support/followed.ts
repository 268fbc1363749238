/** Follows server-sent events as a careful client does: whenever the connection breaks it comes back with the last id that it had. */
import { setTimeout as sleep } from "node:timers/promises";

export type Seen = { readonly id: string; readonly event: string; readonly data: Readonly<Record<string, unknown>> };

export type Followed = {
  /** In the order seen; `ended` is the last. */
  readonly events: readonly Seen[];
  /** How often the connection broke. */
  readonly breaks: number;
};

const PAUSE_MS = 200;
const WAIT_MS_MAX = 300_000;

/** Resolves at the event `ended`. @param after the id of the last event that was had before, if any. */
export async function followToEnd(url: string, key: string, after?: string): Promise<Followed> {
  const events: Seen[] = [];
  const end_ms = Date.now() + WAIT_MS_MAX;
  for (let breaks = 0; Date.now() < end_ms; breaks += 1) {
    const last = events.at(-1)?.id ?? after;
    const headers = { authorization: `Bearer ${key}`, ...(last === undefined ? {} : { "last-event-id": last }) };
    try {
      for await (const event of read(await fetch(url, { headers }))) {
        events.push(event);
        if (event.event === "ended") return { events, breaks };
      }
    } catch {
      // The gateway is away, or went away.
    }
    await sleep(PAUSE_MS);
  }
  throw new Error(`${url} did not end within ${WAIT_MS_MAX / 1_000} s; ${events.length} events came`);
}

async function* read(response: Response): AsyncGenerator<Seen> {
  if (response.status !== 200 || response.body === null) throw new Error(`${response.status}`);
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string): string | undefined =>
        block
          .split("\n")
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const data = field("data");
      if (data !== undefined)
        yield { id: field("id") ?? "", event: field("event") ?? "message", data: JSON.parse(data) };
    }
  }
}
