/** Reads the settings file. */
import { readFile } from "node:fs/promises";
import { SluiceError } from "../errors.ts";
import { parseSettings } from "./parse.ts";
import type { Settings } from "./schema.ts";

/** @throws SluiceError `settings_invalid`: the file is missing, is not YAML, or does not fit the schema. */
export async function loadSettings(file: string): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new SluiceError("settings_invalid", `the settings file ${file} cannot be read`, {
      cause,
      fix: "Name it in SLUICE_SETTINGS, or run from the folder that holds sluice.yaml.",
    });
  }
  return parseSettings(text, file);
}
