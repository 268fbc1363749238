/** `sluice dlq show`: one dead letter, or those of a request: what it was, why it is one, and what redriving it would do. */
import { Command } from "commander";
import type { FoundLetter } from "../../libs/shared/dead-letters/dead-letters.ts";
import { stateOf } from "../../libs/shared/dead-letters/letter.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { printable } from "../output/format.ts";
import { type ReadValue, readValue } from "../output/record.ts";
import { EXIT_HELP, print } from "../output/terminal.ts";
import { withDeadLetters } from "./open.ts";
import { letterLines, planLine, shortened } from "./view.ts";

const EXAMPLES = `
Long texts are shortened, and fields that hold secrets hidden, unless --full asks for them.

Examples:
  sluice dlq show 3:1042
  sluice dlq show order-7781 --full
${EXIT_HELP}`;

type Flags = { readonly full?: boolean; readonly json?: boolean };

export const showCommand = new Command("show")
  .description("show a dead letter by its place, or those of a request by its id")
  .argument("<place or id>", "<partition>:<offset> on the dead-letter topic, or a request's id")
  .option("--full", "all of the value and the headers")
  .option("--json", "one JSON object: letters with place, reason, request, headers, value, state and redrive")
  .addHelpText("after", EXAMPLES)
  .action(async (text: string, flags: Flags) => {
    await withDeadLetters(async (letters, { codec }) => {
      const found = await letters.find(text);
      if (found.length === 0) {
        throw new SluiceError("usage", `there is no dead letter ${text}`, {
          fix: "`npx sluice dlq ls` shows what retention has left. What cannot be read as a request is found by its place alone.",
        });
      }
      const values = await Promise.all(found.map((one) => readLetter(codec, one)));
      const all = found.map((one, index) => ({ one, value: values[index] as ReadValue }));
      const text_of = flags.json
        ? JSON.stringify({ letters: all.map(({ one, value }) => letterJson(one, value, flags.full === true)) })
        : printable(all.map(({ one, value }) => letterLines(one, value, flags.full === true).join("\n")).join("\n\n"));
      await print(`${text_of}\n`);
    });
  });

function readLetter(codec: EventCodec, { letter }: FoundLetter): Promise<ReadValue> {
  const { record, original } = letter;
  return readValue(codec, { ...record, topic: original?.topic ?? record.topic });
}

function letterJson({ letter, handled, whose, ended, plan }: FoundLetter, value: ReadValue, full: boolean): object {
  const { place, at_ms, code, service, message, original, redrives, record } = letter;
  const read = value.kind === "json" ? value.json : value.kind === "none" ? null : value.text;
  const target = plan.kind === "left" ? {} : { target: plan.target };
  return {
    ...{ place, at_ms, code, service, message, original, redrives },
    request: whose === undefined ? null : { tenant: whose.tenant, id: whose.id, ended: ended ?? null },
    state: stateOf(handled),
    handled: handled ?? null,
    redrive: { kind: plan.kind, ...target, message: planLine(plan) },
    headers: record.headers,
    value: full ? read : shortened(read),
  };
}
