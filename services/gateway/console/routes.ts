/**
 * `GET /console`: a web page and its two files. They are the same for everybody and need no key; all that is anybody's comes by the API,
 * by calls that the page makes with the key of who signed in.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Routes } from "../route.ts";
import { sendNone } from "../sending.ts";
import { CONSOLE_PATH, type ConsoleFile, type ConsoleFiles } from "./bundle.ts";

export type ConsoleRoutesDeps = { readonly files: () => Promise<ConsoleFiles> };

/** Nothing runs and nothing is fetched but our own, and nobody may show the page in theirs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "font-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
const FOREVER = "public, max-age=31536000, immutable";
/** Kept by the browser, and asked about each time. */
const ASKED = "no-cache";

export function consoleRoutes({ files }: ConsoleRoutesDeps): Routes {
  return (app) => {
    const page = async (http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      reply.header("content-security-policy", POLICY);
      return sendFile(http, reply, (await files()).page, ASKED);
    };
    app.get(CONSOLE_PATH, page);
    // Every page of the console has an address of its own, of which the browser makes sense.
    app.get(`${CONSOLE_PATH}/*`, page);
    app.get<{ Params: { name: string } }>(`${CONSOLE_PATH}/assets/:name`, async (http, reply) => {
      const file = (await files()).assets.get(http.params.name);
      return file === undefined
        ? sendNone(reply, "name", "there is no such file; load the page again")
        : sendFile(http, reply, file, FOREVER);
    });
  };
}

function sendFile(http: FastifyRequest, reply: FastifyReply, file: ConsoleFile, caching: string): FastifyReply {
  reply.headers({ "cache-control": caching, etag: file.etag, vary: "accept-encoding" });
  if (knows(http.headers["if-none-match"], file.etag)) return reply.code(304).send();
  const encoding = encodingOf(http.headers["accept-encoding"]);
  if (encoding !== "plain") reply.header("content-encoding", encoding);
  return reply.type(file.type).send(file[encoding]);
}

/** RFC 9110, 13.1.2: a list of tags or `*`, compared weakly. */
function knows(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(etag);
}

/** RFC 9110, 12.5.3, as far as browsers use it: what is named and not refused by `q=0`. */
function encodingOf(header: string | undefined): "br" | "gzip" | "plain" {
  const taken = new Set(
    (header ?? "")
      .split(",")
      .map((one) =>
        one
          .trim()
          .toLowerCase()
          .split(/\s*;\s*/),
      )
      .filter(([, weight]) => weight === undefined || !/^q=0(\.0+)?$/.test(weight))
      .map(([name]) => name),
  );
  if (taken.has("br")) return "br";
  return taken.has("gzip") ? "gzip" : "plain";
}
