/** Opens the verifier that the settings ask for: a calibration of one's own, or the one that comes with the code. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { SemanticSettings } from "../config/cache.ts";
import { SluiceError } from "../errors.ts";
import { CalibratedVerifier } from "./calibrated-verifier.ts";
import { type Calibration, calibrationSchema } from "./calibration.ts";
import type { Verifier } from "./verifier.ts";

/** Made by `node bench/router/fit-default.ts`. */
export const DEFAULT_FILE = fileURLToPath(new URL("default-calibration.json", import.meta.url));

const RECALIBRATE =
  "Run `sluice cache calibrate --pairs FILE --out FILE` and name what it wrote in cache.semantic.calibration_file";

type Wanted = Pick<SemanticSettings, "enabled" | "max_error" | "calibration_file" | "embedding">;

/** @throws as `openCalibrationOf`. */
export async function openVerifier(semantic: Wanted): Promise<Verifier> {
  return new CalibratedVerifier(await openCalibrationOf(semantic), semantic.max_error);
}

/**
 * @throws `settings_invalid`: the file cannot be read, is no calibration, or is for another embedding model than the configured one. Of a
 * semantic cache that is switched off the model does not matter.
 */
export async function openCalibrationOf(semantic: Omit<Wanted, "max_error">): Promise<Calibration> {
  const calibration = await openCalibration(semantic.calibration_file ?? DEFAULT_FILE);
  const { model } = semantic.embedding;
  if (!semantic.enabled || calibration.embedding_model === model) return calibration;
  const whose = semantic.calibration_file ?? "the calibration that comes with Sluice";
  const message = `${whose} is for the embedding model ${calibration.embedding_model}, and cache.semantic.embedding.model is ${model}`;
  throw new SluiceError("settings_invalid", message, { fix: `${RECALIBRATE}, or switch cache.semantic.enabled off.` });
}

/** @throws `settings_invalid`. */
export async function openCalibration(file: string): Promise<Calibration> {
  const fix = `${RECALIBRATE}.`;
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw new SluiceError("settings_invalid", `the calibration ${file} cannot be read as JSON`, { cause, fix });
  }
  const parsed = calibrationSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join(".") || "it";
  throw new SluiceError("settings_invalid", `${file} is no calibration: ${where}: ${issue?.message}`, { fix });
}

/** One field a line, so that two files can be compared. */
export function printCalibration(calibration: Calibration): string {
  const fields = Object.entries(calibration).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{\n${fields.join(",\n")}\n}\n`;
}
