import { renameSync, writeFileSync } from "node:fs";

/** Writes a file so that a reader sees the old text or the new, never a part. Mode 0600: addresses may hold passwords. */
export function writeAtomic(path: string, text: string): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}
