/**
 * The console's page as files to serve: the app is bundled when somebody first asks for it and kept in memory, each file prepared once
 * in the ways a browser may take it. Names of scripts and styles come from their content, so that they never change.
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip, constants as zlib } from "node:zlib";

export type ConsoleFile = {
  readonly type: string;
  /** Of the content; quoted, as the header has it. */
  readonly etag: string;
  readonly plain: Buffer;
  readonly br: Buffer;
  readonly gzip: Buffer;
};

export type ConsoleFiles = {
  readonly page: ConsoleFile;
  /** By name, such as `app-1f2e3d4c5b6a.js`. */
  readonly assets: ReadonlyMap<string, ConsoleFile>;
};

/** Below it, under a path of its own, lie the assets. */
export const CONSOLE_PATH = "/console";

const APP = fileURLToPath(new URL("./app/", import.meta.url));
/** Browsers of 2023 on. */
const TARGETS = ["chrome114", "firefox115", "safari16.4"];

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/** The files, built once for all who ask; after a failure the next one tries again. */
export function consoleFiles(build: () => Promise<ConsoleFiles> = buildConsole): () => Promise<ConsoleFiles> {
  let kept: Promise<ConsoleFiles> | undefined;
  return () => {
    kept ??= build().catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };
}

/** Bundles the app. The bundler is a process of its own, which has ended when this resolves. */
export async function buildConsole(): Promise<ConsoleFiles> {
  const esbuild = await import("esbuild");
  try {
    const { outputFiles } = await esbuild.build({
      absWorkingDir: APP,
      entryPoints: { app: "main.tsx", style: "style.css" },
      bundle: true,
      format: "esm",
      minify: true,
      jsx: "automatic",
      jsxImportSource: "preact",
      target: TARGETS,
      legalComments: "none",
      outdir: "/",
      write: false,
      logLevel: "silent",
    });
    const assets = new Map<string, ConsoleFile>();
    const nameOf = async (ending: "js" | "css", type: string): Promise<string> => {
      const found = outputFiles.find(({ path }) => path.endsWith(`.${ending}`));
      if (found === undefined) throw new Error(`the console's bundle has no .${ending}`);
      const name = `app-${hashOf(found.contents)}.${ending}`;
      assets.set(name, await prepared(found.contents, type));
      return name;
    };
    const script = await nameOf("js", "text/javascript; charset=utf-8");
    const style = await nameOf("css", "text/css; charset=utf-8");
    const page = await prepared(Buffer.from(pageOf(script, style)), "text/html; charset=utf-8");
    return { page, assets };
  } finally {
    await esbuild.stop();
  }
}

async function prepared(contents: Uint8Array, type: string): Promise<ConsoleFile> {
  const plain = Buffer.from(contents);
  const [br, gz] = await Promise.all([
    brotli(plain, { params: { [zlib.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
    gzipped(plain, { level: 9 }),
  ]);
  return { type, etag: `"${hashOf(plain)}"`, plain, br, gzip: gz };
}

function hashOf(contents: Uint8Array): string {
  return createHash("sha256").update(contents).digest("hex").slice(0, 16);
}

/** All that is in the page itself; the icon is a drawing of three waves. */
function pageOf(script: string, style: string): string {
  const icon =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%230e7c86' stroke-width='2.6' stroke-linecap='round'%3E%3Cpath d='M3 7c3-3 6 3 9 0s6 3 9 0M3 12.5c3-3 6 3 9 0s6 3 9 0M3 18c3-3 6 3 9 0s6 3 9 0'/%3E%3C/svg%3E";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluice</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${CONSOLE_PATH}/assets/${style}">
<script type="module" src="${CONSOLE_PATH}/assets/${script}"></script>
</head>
<body><div id="app"></div><noscript>The console needs JavaScript. The same is told by <code>npx sluice --help</code>.</noscript></body>
</html>
`;
}
