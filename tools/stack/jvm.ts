import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Home } from "./home.ts";

/** What a JVM part needs to start. */
export type JavaRuntime = {
  readonly home: Home;
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
};

export type JvmPart = "kafka" | "schema_registry";

/** The class-data archive of a part: made once with the parts (see parts-cache.ts), it halves CPU and time at start. */
export function archivePath(home: Home, part: JvmPart): string {
  return join(home.parts, `${part}.jsa`);
}

/** The flags that use the archive where there is one; the JVM itself ignores one that does not fit. */
export function archiveFlags(home: Home, part: JvmPart): readonly string[] {
  const path = archivePath(home, part);
  return existsSync(path) ? ["-Xshare:auto", `-XX:SharedArchiveFile=${path}`, "-Xlog:cds=off"] : [];
}

/** Sorted, because an archive serves only the very class path it was made with. */
export function kafkaClasspath(home: Home): string {
  const folder = join(home.parts, "kafka");
  if (!existsSync(folder)) return "";
  const jars = readdirSync(folder).filter((name) => name.endsWith(".jar"));
  return jars
    .sort()
    .map((name) => join(folder, name))
    .join(delimiter);
}
