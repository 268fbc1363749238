/** Which dead letters the flags of `sluice dlq` mean. Pure but for `now_ms`, which the caller gives. */
import { type Command, Option } from "commander";
import type { DeadLetterFilter } from "../../libs/shared/dead-letters/filter.ts";
import { parsePlace } from "../../libs/shared/dead-letters/letter.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { parseDurationMs, parseTimeMs } from "../output/format.ts";

export type SelectionFlags = {
  readonly code?: readonly string[];
  readonly service?: readonly string[];
  readonly topic?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly id?: readonly string[];
  readonly place?: readonly string[];
  readonly all?: boolean;
};

const NAMES = ["code", "service", "topic", "since", "until", "id", "place"] as const;

/** All that is given must hold; an option that is given several times means any of its values. */
export function withSelection(command: Command): Command {
  return command
    .option("--code <code>", "those with this error code (docs/errors.md); may be repeated", collect)
    .option("--service <name>", "those that this service gave up; may be repeated", collect)
    .option("--topic <name>", "those that stood on this topic, by its full name; may be repeated", collect)
    .option("--since <when>", "written since: a duration ago such as 2h, or an RFC 3339 time")
    .option("--until <when>", "written before: a duration ago, or an RFC 3339 time")
    .option("--id <request>", "those of this request, and of its redrives; may be repeated", collect)
    .option("--place <place>", "the one at <partition>:<offset> of the dead-letter topic; may be repeated", collect);
}

/** Of a verb that changes something: all must be asked for by name. */
export function withAll(command: Command): Command {
  return withSelection(command).addOption(new Option("--all", "every one that waits").conflicts([...NAMES]));
}

function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** @throws `usage` for a time or a place that is none. */
export function filterOf(flags: SelectionFlags, now_ms: number): DeadLetterFilter {
  const { code, service, topic, since, until, id, place } = flags;
  for (const text of place ?? []) {
    if (parsePlace(text) === undefined) {
      throw new SluiceError("usage", `--place ${text} is no place`, {
        fix: "Write <partition>:<offset>, as `sluice dlq ls` shows it: 3:1042.",
      });
    }
  }
  return {
    ...(code === undefined ? {} : { codes: code }),
    ...(service === undefined ? {} : { services: service }),
    ...(topic === undefined ? {} : { topics: topic }),
    ...(since === undefined ? {} : { since_ms: parseWhen("--since", since, now_ms) }),
    ...(until === undefined ? {} : { until_ms: parseWhen("--until", until, now_ms) }),
    ...(id === undefined ? {} : { ids: id }),
    ...(place === undefined ? {} : { places: place }),
  };
}

/** @throws `usage` where nothing says which ones are meant. */
export function chosenFilter(flags: SelectionFlags, now_ms: number): DeadLetterFilter {
  if (flags.all !== true && NAMES.every((name) => flags[name] === undefined)) {
    throw new SluiceError("usage", "nothing says which dead letters are meant", {
      fix: "Give --code, --service, --topic, --since, --until, --id or --place; --all means every one that waits.",
    });
  }
  return filterOf(flags, now_ms);
}

function parseWhen(flag: string, text: string, now_ms: number): number {
  const ago_ms = parseDurationMs(text);
  const at_ms = ago_ms === undefined ? parseTimeMs(text) : now_ms - ago_ms;
  if (at_ms !== undefined) return at_ms;
  throw new SluiceError("usage", `${flag} ${text} is neither a duration nor a time`, {
    fix: "Write a duration such as 30m or 2h, or an RFC 3339 time such as 2026-01-31T12:00:00Z.",
  });
}
