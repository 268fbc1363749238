/** Prometheus' own checker, from the path or from where .ci/run puts it. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const PLACES = ["promtool", join(ROOT, ".sluice", "promtool", "usr", "bin", "promtool")];

const found = PLACES.find((place) => spawnSync(place, ["--version"]).status === 0);

/** Why tests with it skip, or false. */
export const WITHOUT_PROMTOOL =
  found === undefined && "promtool (Debian's prometheus) is not installed here; .ci/run fetches it";

/** @returns its exit status, and all that it said. */
export function promtool(words: readonly string[]): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(found ?? "promtool", words, { encoding: "utf8" });
  return { status, said: `${stdout}${stderr}` };
}
