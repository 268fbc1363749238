/** How a tier's calls leave: alone or in micro-batches. Wiring. */
import { systemClock } from "../../libs/shared/clock.ts";
import type { TierSettings } from "../../libs/shared/config/schema.ts";
import { partitionId } from "../../libs/shared/kafka/ports.ts";
import type { Backend } from "./backend.ts";
import { MicroBatcher } from "./batching/batcher.ts";
import { INPUTS_MAX, readCall } from "./batching/embeddings.ts";
import { type Outgoing, type Sending, type SendingDeps, sendSingly } from "./sending.ts";
import { type Member, sendTogether } from "./sending-together.ts";
import type { TierParts } from "./tier-parts.ts";

/** Jobs taken in at once so that calls of several embeddings can be filled. */
const EMBEDDINGS_IN_FLIGHT_MAX = 2_000;

/** Jobs of a tier in hand at once. */
export function inFlightMax({ kind, in_flight_max, batching }: TierSettings): number {
  if (kind === "chat") return in_flight_max;
  return Math.min(in_flight_max * batching.size_max, EMBEDDINGS_IN_FLIGHT_MAX);
}

export type Sender = { readonly send: (outgoing: Outgoing) => Promise<Sending>; close(): Promise<void> };

/** Embeddings go out as one call; chat requests that come together go out in an order that suits a provider's prefix cache. */
export function createSender(parts: TierParts, tier: string, options: TierSettings, backend: Backend): Sender {
  const { metrics, context } = parts;
  const { inference } = context.settings;
  const deps: SendingDeps = {
    backend,
    clock: systemClock,
    prices: parts.prices,
    response_bytes_max: inference.response_bytes_max,
    idle_ms: inference.stream.idle_ms,
    called: (call) => metrics?.called(tier, call),
    ...(context.tracing === undefined ? {} : { tracing: context.tracing }),
  };
  const { kind, batching, in_flight_max } = options;
  const common = { clock: systemClock, in_flight_max, onBatch: (size: number) => metrics?.batched(tier, size) };
  if (kind === "chat") {
    const batcher = new MicroBatcher<Outgoing, Sending>({
      ...common,
      settings: { ...batching, wait_ms: batching.wait_ms ?? 0 },
      sizing: "fixed",
      keyOf: ({ source }) => partitionId(source),
      orderOf: ({ body }) => body.prefix,
      weigh: ({ body }) => ({ bytes: body.bytes.length, tokens: body.tokens }),
      flush: async (members, { waited_ms }) =>
        members.map(async (member, index) => waitedFor(await sendSingly(deps, member), waited_ms[index])),
    });
    return { send: (outgoing) => batcher.submit(outgoing), close: () => batcher.close() };
  }
  const batcher = new MicroBatcher<Member, Sending>({
    ...common,
    settings: { ...batching, wait_ms: batching.wait_ms ?? EMBEDDINGS_WAIT_MS, inputs_max: INPUTS_MAX },
    keyOf: ({ outgoing, call }) => `${partitionId(outgoing.source)}/${call.key}`,
    weigh: ({ call }) => ({ bytes: call.body.length, tokens: call.tokens, inputs: call.inputs.length }),
    flush: async (members, { waited_ms, took }) =>
      sendTogether(deps, members, took).map(async (sent, index) => waitedFor(await sent, waited_ms[index])),
  });
  const send = (outgoing: Outgoing): Promise<Sending> => {
    const call = readCall(outgoing.body.bytes);
    return call === undefined ? sendSingly(deps, outgoing) : batcher.submit({ outgoing, call });
  };
  return { send, close: () => batcher.close() };
}

const EMBEDDINGS_WAIT_MS = 5;

/** A wait of less than a tick is none. */
function waitedFor(sending: Sending, batch_ms = 0): Sending {
  return batch_ms < 2 ? sending : { ...sending, waited_ms: { ...sending.waited_ms, batch: batch_ms } };
}
