/** What a stack of this checkout has of its own: a folder for files, and the key that webhook secrets are derived from. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Home } from "./home.ts";
import type { Env } from "./tools.ts";

const KEY_BYTES = 32;

/** Those that the user's environment gives stay as they are. The key is made at random once and kept beside the data (0600). */
export function ownSecrets(home: Pick<Home, "dir" | "data">, env: Env): Record<string, string> {
  return {
    SLUICE_FILES_URL: env["SLUICE_FILES_URL"] || pathToFileURL(join(home.data, "files")).href,
    SLUICE_SECRET_KEY: env["SLUICE_SECRET_KEY"] || keyOf(join(home.dir, "secret-key")),
  };
}

function keyOf(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(KEY_BYTES).toString("base64url"), { mode: 0o600 });
  return readFileSync(file, "utf8").trim();
}
