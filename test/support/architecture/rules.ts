/** The rules of docs/architecture.md, each a function from the sources to what breaks it, in words. */
import type { Source } from "./sources.ts";

export type Rule = { readonly name: string; readonly check: (sources: readonly Source[]) => string[] };

const LINES_MAX = 350;

/** Files that may be longer, with the reason. */
export const LONG_FILES: Readonly<Record<string, string>> = {};

/** Modules whose first comment says so decide, and do nothing else. */
const isPure = ({ docstring }: Source): boolean => docstring !== undefined && /\bPure\b/.test(docstring);

/** Modules that reach the world outside the process. */
const IO_MODULES = [
  ...["fs", "fs/promises", "net", "tls", "dgram", "dns", "dns/promises", "http", "https", "http2"],
  ...["child_process", "cluster", "worker_threads", "timers", "timers/promises", "readline", "process"],
].map((name) => `node:${name}`);
const IO_PACKAGES = ["undici", "ioredis", "pg", "kafkajs", "fastify", "pino", "prom-client"];
const IO = new Set([...IO_MODULES, ...IO_PACKAGES, "@kafkajs/confluent-schema-registry"]);

/** What a result must not depend on unless it is an argument: time, chance, the environment, the network. */
const AMBIENT = [
  ...["process\\.", "Date\\.now\\(", "new Date\\(\\)", "performance\\.now\\(", "Math\\.random\\b", "randomUUID\\b"],
  ...["randomBytes\\b", "setTimeout\\(", "setInterval\\(", "setImmediate\\(", "fetch\\(", "console\\."],
].map((pattern) => new RegExp(`(?<![\\w.#])${pattern}`));

const inFolder = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
const folderOf = (path: string): string => path.split("/")[0] ?? "";

export const RULES: readonly Rule[] = [
  {
    name: "a module that says it is pure uses no time, chance, environment or IO of its own",
    check: (sources) =>
      sources
        .filter(isPure)
        .flatMap(({ path, code }) =>
          AMBIENT.filter((pattern) => pattern.test(code)).map((pattern) => `${path} uses ${pattern.source}`),
        ),
  },
  {
    name: "a module that says it is pure imports no IO, by whatever detour",
    check(sources) {
      const byPath = new Map(sources.map((source) => [source.path, source]));
      return sources.filter(isPure).flatMap((source) => ioBehind(source, byPath));
    },
  },
  {
    // A replay runs the others' own handlers in its process, so that it does what they would do.
    name: "services do not import each other, but for replay",
    check: (sources) =>
      importing(sources, ({ path }, to) => {
        const [top, service] = path.split("/");
        const own = inFolder(to, `services/${service}`);
        return top === "services" && service !== "replay" && inFolder(to, "services") && !own;
      }),
  },
  {
    name: "libs stand on nothing above them; services stand on libs alone",
    check: (sources) =>
      importing(sources, ({ path }, to) => {
        const above: Readonly<Record<string, readonly string[]>> = {
          libs: ["services", "cli", "tools", "bench", "test"],
          services: ["cli", "tools", "bench", "test"],
        };
        return above[folderOf(path)]?.includes(folderOf(to)) ?? false;
      }),
  },
  {
    name: "kafkajs is used behind libs/shared/kafka alone (its types may be named elsewhere)",
    check: (sources) =>
      sources
        .filter(({ path }) => !inFolder(path, "libs/shared/kafka") && !inFolder(path, "test"))
        .filter(({ imports }) => imports.some(({ specifier, type_only }) => specifier === "kafkajs" && !type_only))
        .map(({ path }) => `${path} imports kafkajs`),
  },
  {
    name: "only main.ts, the command line and tools read the environment",
    check: (sources) =>
      sources
        .filter(({ path }) => ["libs", "services"].includes(folderOf(path)) && !/^services\/\w+\/main\.ts$/.test(path))
        .filter(({ code }) => /\bprocess\.env\b/.test(code))
        .map(({ path }) => `${path} reads process.env`),
  },
  {
    name: `a file has at most ${LINES_MAX} lines, or a reason`,
    check: (sources) =>
      sources
        .filter(({ path, lines }) => !inFolder(path, "test") && lines > LINES_MAX && LONG_FILES[path] === undefined)
        .map(({ path, lines }) => `${path} has ${lines} lines`),
  },
  {
    name: "every module of libs and services says what it is for in its first lines",
    check: (sources) =>
      sources
        .filter(({ path, docstring }) => ["libs", "services"].includes(folderOf(path)) && docstring === undefined)
        .map(({ path }) => `${path} starts without a docstring`),
  },
  {
    name: "no module is a drawer for everything",
    check: (sources) =>
      sources
        .filter(({ path }) => /(^|\/)(utils?|helpers?|common|misc)(\.ts$|\/)/.test(path))
        .map(({ path }) => `${path}: name it after the one idea it holds`),
  },
  {
    name: "no module only passes on the exports of others",
    check: (sources) =>
      sources
        .filter(({ code }) => {
          const rest = code.replace(/^export\s+(?:type\s+)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)\s*from\s*"[^"]+";/gm, "");
          return code.trim() !== "" && rest.trim() === "";
        })
        .map(({ path }) => `${path} is a barrel: import from where the thing is`),
  },
  {
    name: "relative imports name a file that is there, with its ending",
    check(sources) {
      const known = new Set(sources.map(({ path }) => path));
      return sources.flatMap(({ path, imports }) =>
        imports
          .filter((one) => one.path !== undefined && !known.has(one.path))
          .map(({ specifier }) => `${path} imports ${specifier}, which is no .ts file of the tree`),
      );
    },
  },
  {
    name: "no circles among run-time imports",
    check: (sources) => circles(sources),
  },
];

function importing(sources: readonly Source[], forbidden: (from: Source, to: string) => boolean): string[] {
  return sources.flatMap((source) =>
    source.imports
      .filter(({ path }) => path !== undefined && forbidden(source, path))
      .map(({ specifier }) => `${source.path} imports ${specifier}`),
  );
}

/** Paths from a pure module to an IO module along run-time imports. */
function ioBehind(start: Source, byPath: ReadonlyMap<string, Source>): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  const visit = (source: Source, trail: readonly string[]): void => {
    if (seen.has(source.path)) return;
    seen.add(source.path);
    for (const { specifier, path, type_only } of source.imports) {
      if (type_only) continue;
      if (IO.has(specifier)) found.push([...trail, specifier].join(" → "));
      const next = path === undefined ? undefined : byPath.get(path);
      if (next !== undefined) visit(next, [...trail, next.path]);
    }
  };
  visit(start, [start.path]);
  return found;
}

function circles(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const state = new Map<string, "open" | "done">();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      found.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      return;
    }
    state.set(path, "open");
    for (const one of byPath.get(path)?.imports ?? []) {
      if (!one.type_only && one.path !== undefined) visit(one.path, [...trail, path]);
    }
    state.set(path, "done");
  };
  for (const { path } of sources) visit(path, []);
  return found;
}
