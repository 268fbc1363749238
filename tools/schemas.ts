/**
 * What `npm run schemas` runs: writes the JSON Schema of every event into `libs/shared/events/schemas`, where producers in other
 * languages, code review and the compatibility test read them.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { jsonSchemaOf } from "../libs/shared/events/json-schema.ts";
import { EVENT_SCHEMAS, type EventName } from "../libs/shared/events/topics.ts";

const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), "libs", "shared", "events", "schemas");

mkdirSync(FOLDER, { recursive: true });
for (const event of Object.keys(EVENT_SCHEMAS) as EventName[]) {
  const file = join(FOLDER, `${event}.json`);
  writeFileSync(file, `${JSON.stringify(jsonSchemaOf(event), null, 2)}\n`);
  console.log(file);
}
