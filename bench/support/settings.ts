/** Settings of benchmarks: the shipped ones, with what a benchmark changes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";

/** Every request is called for. */
export const WITHOUT_CACHE = { exact: { enabled: false }, semantic: { enabled: false } };

export type OwnSettings = { readonly file: string; remove(): void };

/** A file of its own: the checkout's `sluice.yaml`, with whole sections replaced. */
export function ownSettings(root: string, sections: Readonly<Record<string, unknown>>): OwnSettings {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const file = join(dir, "sluice.yaml");
  const shipped = parse(readFileSync(join(root, "sluice.yaml"), "utf8")) as Record<string, unknown>;
  writeFileSync(file, stringify({ ...shipped, ...sections }));
  return { file, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
