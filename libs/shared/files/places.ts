/** Where files are kept, as SLUICE_FILES_URL says it. Pure. */
import { fileURLToPath } from "node:url";
import { SluiceError } from "../errors.ts";
import { isStorageKey } from "./keys.ts";

export type S3Place = {
  readonly kind: "s3";
  readonly bucket: string;
  /** Without a slash at either end; empty: the whole bucket. */
  readonly prefix: string;
  /** Of what is not AWS. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  /** The bucket in the path and not in the host's name, as most that are not AWS want it. */
  readonly path_style: boolean;
};
export type FilesPlace = { readonly kind: "disk"; readonly folder: string } | S3Place;

const S3_PARAMETERS = ["endpoint", "region", "path_style"];
/** Who speaks S3 beside AWS mostly takes any region, but one must be named. */
const REGION_ELSEWHERE = "us-east-1";

/**
 * `file:///a/folder`, or `s3://bucket/prefix?endpoint=…&region=…&path_style=true` with all but the bucket left out at will.
 * @throws SluiceError `settings_invalid`.
 */
export function parseFilesUrl(text: string): FilesPlace {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "file:") return diskPlace(url);
  if (url?.protocol === "s3:") return s3Place(url);
  throw wrong(`it is ${url === undefined ? "no URL" : `a ${url.protocol} URL`}`);
}

function diskPlace(url: URL): FilesPlace {
  if (url.search !== "" || url.hash !== "") throw wrong("a folder takes no parameters");
  if (url.host !== "") throw wrong(`a folder needs three slashes and its full path, and "${url.host}" is a host`);
  return { kind: "disk", folder: fileURLToPath(url) };
}

function s3Place(url: URL): FilesPlace {
  if (url.username !== "" || url.password !== "") throw wrong("credentials come from AWS_ACCESS_KEY_ID and its like");
  if (url.host === "") throw wrong("it names no bucket");
  const prefix = url.pathname.replace(/^\/+|\/+$/g, "");
  if (prefix !== "" && !isStorageKey(prefix)) throw wrong("the prefix may hold letters, digits, _, -, . and / alone");
  for (const name of url.searchParams.keys()) {
    if (!S3_PARAMETERS.includes(name)) throw wrong(`"${name}" is none of ${S3_PARAMETERS.join(", ")}`);
  }
  const endpoint = url.searchParams.get("endpoint") ?? undefined;
  if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(endpoint)) throw wrong("the endpoint is no http or https URL");
  const path_style = url.searchParams.get("path_style") ?? "false";
  if (!["true", "false"].includes(path_style)) throw wrong("path_style is true or false");
  const region = url.searchParams.get("region") ?? (endpoint === undefined ? undefined : REGION_ELSEWHERE);
  return { kind: "s3", bucket: url.host, prefix, endpoint, region, path_style: path_style === "true" };
}

function wrong(why: string): SluiceError {
  return new SluiceError("settings_invalid", `the place for files cannot be used: ${why}`, {
    fix: "Write file:///a/folder or s3://bucket/prefix?endpoint=…&region=…&path_style=true.",
  });
}
