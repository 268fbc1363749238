/** From the text of `sluice.yaml` to settings, or to errors that name the line and the fix. Pure. */
import { crossCheck } from "./cross-check.ts";
import { type Settings, settingsSchema } from "./schema.ts";
import { parseYaml } from "./yaml.ts";

/** @throws SluiceError `settings_invalid` that lists every problem by line. */
export function parseSettings(text: string, file: string): Settings {
  return parseYaml(text, file, { schema: settingsSchema, crossCheck, code: "settings_invalid" });
}
