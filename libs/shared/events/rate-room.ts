/**
 * What is left of the rate limits, as it travels in a header from ingest to the gateway that holds the caller:
 * `r=<limit>,<left>,<reset_ms>;t=<limit>,<left>,<reset_ms>`, requests and tokens, either of them or both. Pure.
 */
import type { RateRoom } from "../budgets/admission-store.ts";

type Room = NonNullable<RateRoom["requests"]>;

/** @returns undefined where no limit applies. Numbers are rounded to whole ones, never to more room than there is. */
export function encodeRateRoom({ requests, tokens }: RateRoom): string | undefined {
  const parts = [
    ...(requests === undefined ? [] : [part("r", requests)]),
    ...(tokens === undefined ? [] : [part("t", tokens)]),
  ];
  return parts.length === 0 ? undefined : parts.join(";");
}

function part(name: string, { limit, left, reset_ms }: Room): string {
  return `${name}=${whole(limit)},${whole(left)},${Math.max(0, Math.ceil(reset_ms))}`;
}

function whole(value: number): number {
  return Math.max(0, Math.floor(value));
}

const PART = /^([rt])=(\d{1,15}),(\d{1,15}),(\d{1,15})$/;

/** Anyone may write a header: what makes no sense is no room known. */
export function decodeRateRoom(text: string | undefined): RateRoom {
  const rooms: { requests?: Room; tokens?: Room } = {};
  for (const one of (text ?? "").split(";", 2)) {
    const [, name, limit, left, reset_ms] = PART.exec(one) ?? [];
    if (name === undefined) continue;
    const room = { limit: Number(limit), left: Number(left), reset_ms: Number(reset_ms) };
    if (name === "r") rooms.requests = room;
    else rooms.tokens = room;
  }
  return rooms;
}
