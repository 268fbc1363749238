/** What command-line tools print about themselves, read into numbers. Pure. */

export type Platform = { readonly os: "linux" | "darwin"; readonly arch: "amd64" | "arm64" };

/** The major version in the output of `java -version`: 17 from `17.0.15`, 8 from `1.8.0_412`. */
export function javaMajor(output: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(output);
  if (!match?.[1]) return undefined;
  const first = Number(match[1]);
  return first === 1 && match[2] ? Number(match[2]) : first;
}

/** The version in the output of `redis-server --version` (Valkey answers alike), as [major, minor]. */
export function redisVersion(output: string): readonly [number, number] | undefined {
  const match = /v=(\d+)\.(\d+)/.exec(output);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** The platform in the words the packages use, or undefined where they have no binaries. */
export function platformOf(os: string, arch: string): Platform | undefined {
  if (os !== "linux" && os !== "darwin") return undefined;
  if (arch === "x64") return { os, arch: "amd64" };
  if (arch === "arm64") return { os, arch: "arm64" };
  return undefined;
}

/** The suffix of zonky's `embedded-postgres-binaries-*`. */
export function postgresPlatform(platform: Platform): string {
  return `${platform.os}-${platform.arch === "arm64" ? "arm64v8" : "amd64"}`;
}

/** Picks the binary for the platform among embedded-redis's file names (`redis-server-6.2.7-linux-arm64`). */
export function redisBinary(names: readonly string[], platform: Platform): string | undefined {
  return names.find((name) => name.startsWith("redis-server-") && name.endsWith(`-${platform.os}-${platform.arch}`));
}
