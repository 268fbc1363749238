/** What of a dead letter's headers goes on with a redrive. Pure. */
import {
  DUE_HEADER,
  RATE_ROOM_HEADER,
  REDRIVES_HEADER,
  REPLY_TO_HEADER,
  travellingHeaders,
} from "../events/headers.ts";
import { CARRIED_AT_HEADER } from "../events/splice.ts";
import type { RecordHeaders } from "../kafka/ports.ts";
import { linkHeader } from "../tracing/trace-context.ts";

/**
 * - `travelling`: what goes from hop to hop, and no more. Whoever waited at a gateway waits no longer.
 * - `all`: all that its first writer and the services gave it.
 * - a list: these alone.
 */
export type HeaderChoice = "travelling" | "all" | readonly string[];

const OF_THE_LETTER = /^(kafka_dlt-.*|sluice-error-code|sluice-service)$/;

/**
 * @param always names that go along whatever is chosen: without them the record would be read as another one.
 * @param redrives how often it will have been redriven.
 */
export function redriveHeaders(
  headers: RecordHeaders,
  choice: HeaderChoice,
  always: readonly string[],
  redrives: number,
): Record<string, string> {
  const chosen = chosenHeaders(headers, choice);
  for (const name of [CARRIED_AT_HEADER, ...always]) {
    const value = headers[name];
    if (value !== undefined) chosen[name] = value;
  }
  chosen[REDRIVES_HEADER] = String(redrives);
  // What it was is over: where traces are kept it begins one of its own, and links this one.
  return { ...chosen, ...linkHeader("redrive", headers) };
}

/** Whether the dead letter was given it, and not the record that it was. */
export function isOfTheLetter(name: string): boolean {
  return OF_THE_LETTER.test(name);
}

function chosenHeaders(headers: RecordHeaders, choice: HeaderChoice): Record<string, string> {
  if (choice === "travelling") {
    return without(travellingHeaders(headers), [REPLY_TO_HEADER, RATE_ROOM_HEADER]);
  }
  const names = Object.keys(headers).filter((name) => !isOfTheLetter(name) && name !== DUE_HEADER);
  const wanted = choice === "all" ? names : names.filter((name) => choice.includes(name));
  return Object.fromEntries(wanted.map((name) => [name, headers[name] ?? ""]));
}

export function without(headers: RecordHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
