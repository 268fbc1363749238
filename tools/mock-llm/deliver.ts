/** Sends an answer at its pace, with the fault it was given, and books the tokens that were produced. IO only. */

import type { Call } from "./call.ts";
import type { StreamStep } from "./completion.ts";
import { DRIP_BYTE_MS, type Fault, HANG_MAX_MS } from "./faults.ts";
import { type Exchange, sendJson } from "./http.ts";
import { stepsDue, type Timing, totalMs } from "./timing.ts";

/** What a call is answered with, and when. */
export type Reply = {
  readonly timing: Timing;
  readonly prompt_tokens: number;
  readonly cached_prompt_tokens: number;
  readonly completion_tokens: number;
  /** One JSON body, or the steps of a stream. */
  readonly content: { readonly body: string } | { readonly steps: readonly StreamStep[] };
};

export type Delivery = {
  readonly exchange: Exchange;
  readonly call: Call;
  readonly reply: Reply;
  readonly fault: Fault | undefined;
  readonly headers: Record<string, string>;
  readonly nowMs: () => number;
  /** Books the prompt, and these completion tokens; called once at most. */
  readonly spend: (completion_tokens: number) => void;
};

const STREAM_HEADERS = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
const GARBAGE = '<html>\u0000\ufffd{"choices":[[[';

/** A reset throws away what the client has not read yet. */
const RESET_AFTER_MS = 10;

/** Sends the answer; returns when it is sent, cut, or its client has left. */
export async function deliver(delivery: Delivery): Promise<void> {
  const { call, exchange, fault, headers, reply } = delivery;
  if (fault === "hang") {
    await call.wait(HANG_MAX_MS);
    if (call.left) return;
    call.cut = true;
    exchange.res.destroy();
  } else if (fault === "garbage") {
    await call.wait(reply.timing.first_ms);
    if (!call.left) sendJson(exchange, 200, GARBAGE, headers);
  } else if ("steps" in reply.content) {
    await deliverStream(delivery, reply.content.steps);
  } else {
    await deliverBody(delivery, reply.content.body);
  }
}

async function deliverBody(delivery: Delivery, body: string): Promise<void> {
  const { call, exchange, fault, headers, nowMs, reply, spend } = delivery;
  const started_ms = nowMs();
  await call.wait(totalMs(reply.timing));
  if (call.left) {
    const due = stepsDue(reply.timing, nowMs() - started_ms);
    if (due > 0) spend(Math.floor((reply.completion_tokens * due) / reply.timing.steps));
    return;
  }
  spend(reply.completion_tokens);
  if (fault === "drip" || fault === "reset" || fault === "truncate") {
    await deliverBroken(delivery, fault, body, { "content-type": "application/json" });
    return;
  }
  sendJson(exchange, 200, body, headers);
}

/** The whole text byte by byte, or half of it and then the end. */
async function deliverBroken(
  delivery: Delivery,
  fault: "drip" | "reset" | "truncate",
  text: string,
  headers: Record<string, string>,
): Promise<void> {
  const { call, exchange } = delivery;
  exchange.onStatus(200);
  exchange.res.writeHead(200, { ...headers, ...delivery.headers });
  const bytes = Buffer.from(text);
  if (fault === "drip") await dripBytes(delivery, bytes);
  else await flush(delivery, bytes.subarray(0, Math.max(1, bytes.length >> 1)));
  if (!call.left) await finish(delivery, fault);
}

async function dripBytes({ call, exchange, nowMs }: Delivery, bytes: Buffer): Promise<void> {
  const started_ms = nowMs();
  for (let sent = 0; sent < bytes.length && !call.left; ) {
    const due = Math.min(bytes.length, Math.floor((nowMs() - started_ms) / DRIP_BYTE_MS) + 1);
    for (; sent < due; sent += 1) exchange.res.write(bytes.subarray(sent, sent + 1));
    await call.wait(DRIP_BYTE_MS);
  }
}

/** Ends an answer: as it should, or with a reset of the connection (TCP RST), once the client had time to read. */
async function finish({ call, exchange }: Delivery, fault: Fault | undefined): Promise<void> {
  if (fault !== "reset") {
    exchange.res.end();
    return;
  }
  await call.wait(RESET_AFTER_MS);
  if (call.left) return;
  call.cut = true;
  exchange.res.socket?.resetAndDestroy();
}

/** Writes, and waits until the kernel has it: what comes after a reset would be lost. */
async function flush({ call, exchange }: Delivery, data: string | Buffer): Promise<void> {
  let flushed = false;
  exchange.res.write(data, () => {
    flushed = true;
    call.wake();
  });
  while (!flushed && !call.left) await call.wait(1_000);
}

async function deliverStream(delivery: Delivery, steps: readonly StreamStep[]): Promise<void> {
  const { call, exchange, fault, reply, spend } = delivery;
  await call.wait(reply.timing.first_ms);
  if (call.left) return;
  if (fault === "drip" || (steps.length === 1 && (fault === "reset" || fault === "truncate"))) {
    spend(reply.completion_tokens);
    await deliverBroken(delivery, fault, steps.map((step) => step.text).join(""), STREAM_HEADERS);
    return;
  }
  exchange.onStatus(200);
  exchange.res.writeHead(200, { ...STREAM_HEADERS, ...delivery.headers });
  const cut = fault === "reset" || fault === "truncate";
  await sendSteps(delivery, cut ? steps.slice(0, steps.length >> 1) : steps);
  if (!call.left) await finish(delivery, fault);
}

/** Writes each step when it is due (those due together in one write), and books what was written. */
async function sendSteps(delivery: Delivery, steps: readonly StreamStep[]): Promise<void> {
  const { call, nowMs, reply, spend } = delivery;
  const started_ms = nowMs() - reply.timing.first_ms;
  let sent = 0;
  let tokens = 0;
  while (sent < steps.length && !call.left) {
    const due = Math.max(sent, Math.min(steps.length, stepsDue(reply.timing, nowMs() - started_ms)));
    let text = "";
    for (; sent < due; sent += 1) {
      text += steps[sent]?.text ?? "";
      tokens += steps[sent]?.tokens ?? 0;
    }
    // Booked before the last write, so that a client that has its answer finds it in the stats.
    if (sent === steps.length) spend(tokens);
    if (text !== "") await writeText(delivery, text);
    if (sent < steps.length) {
      const next_ms = started_ms + reply.timing.first_ms + sent * reply.timing.between_ms;
      await call.wait(Math.max(1, next_ms - nowMs()));
    }
  }
  if (sent < steps.length && sent > 0) spend(tokens);
}

/** Writes, and waits for a reader that is behind. */
async function writeText(delivery: Delivery, text: string): Promise<void> {
  const { call, exchange } = delivery;
  if (exchange.res.write(text)) return;
  exchange.res.once("drain", () => call.wake());
  while (exchange.res.writableNeedDrain && !call.left) await call.wait(1_000);
}
