/** Reads and writes the file of a tier policy. */
import { readFile, writeFile } from "node:fs/promises";
import { SluiceError } from "../errors.ts";
import { openPolicy, type TierPolicy, type TierPolicyFile, tierPolicySchema } from "./policy.ts";

/** @throws `settings_invalid` naming the file, and what is wrong in it. */
async function readPolicyFile(file: string): Promise<TierPolicyFile> {
  const fix = "Write it with `sluice tiers fit --out FILE`.";
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new SluiceError("settings_invalid", `the tier policy ${file} cannot be read`, { fix, cause });
  });
  const parsed = tierPolicySchema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0] ?? { path: [], message: "is not valid" };
  const where = path.length === 0 ? "" : `${path.join(".")}: `;
  throw new SluiceError("settings_invalid", `${file} is no tier policy: ${where}${message}`, { fix });
}

/** @throws as `readPolicyFile`. */
export async function loadPolicy(file: string): Promise<TierPolicy> {
  const content = await readPolicyFile(file);
  try {
    return openPolicy(content);
  } catch (cause) {
    throw new SluiceError("settings_invalid", `${file} is no tier policy: ${(cause as Error).message}`, { cause });
  }
}

export async function writePolicyFile(file: string, policy: TierPolicyFile): Promise<void> {
  await writeFile(file, `${JSON.stringify(tierPolicySchema.parse(policy), null, 2)}\n`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
