/** `sluice cache show`: one entry, where it comes from and what it answers. */
import { Command } from "commander";
import { entryIdFrom } from "../../libs/shared/cache/cache-view.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { parseJson } from "../../libs/shared/events/json.ts";
import { openContext } from "../context.ts";
import { EXIT_HELP, print } from "../output/terminal.ts";
import { withCache } from "./follow.ts";
import { entryLines } from "./table.ts";

const EXAMPLES = `
A hit names its entry in the result: route.cache_entry. How often an entry was given is not kept with it.

Examples:
  sluice cache show 3f9a1c02be77
  sluice cache show 3f9a1c02be77 --json | jq .response
${EXIT_HELP}`;

export const showCommand = new Command("show")
  .description("show an entry: its question, its answer and where they come from")
  .argument("<entry_id>", "the id, or as much of it as tells it from the others")
  .option("--json", "one JSON object: the entry's fields, without its embedding, and response")
  .addHelpText("after", EXAMPLES)
  .action(async (start: string, { json }: { readonly json?: boolean }) => {
    const context = await openContext(process.env);
    const keeps = (entry_id: string): boolean => entry_id.startsWith(start);
    const entry = await withCache(context, { bar: json !== true, keeps }, async (view) => {
      const entries = view.entries();
      const entry_id = entryIdFrom(entries, start);
      // One request may have entries under two embedding models: the newest is the one in use.
      return entries.find((each) => each.entry_id === entry_id);
    });
    if (entry === undefined) {
      throw new SluiceError("usage", `there is no entry "${start}"`, { fix: "`npx sluice cache ls` lists them." });
    }
    const { response: bytes = Buffer.from("null"), ...head } = entry;
    const response = parseJson(bytes);
    if (json) return print(`${JSON.stringify({ ...head, response })}\n`);
    await print(`${entryLines(head, response, systemClock.now_ms()).join("\n")}\n`);
  });
