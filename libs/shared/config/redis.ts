/** Where Redis is: one server, or some nodes of a cluster; plain or by TLS. Certificate files are read here, once. */
import { z } from "zod";
import { SluiceError } from "../errors.ts";
import { readPem, type TlsFiles } from "./access.ts";

export type RedisAddress = {
  /** `redis[s]://[user:password@]host[:port][/database]`; of a cluster, nodes to ask for the others. At least one. */
  readonly nodes: readonly string[];
  readonly cluster: boolean;
  /** Of `rediss://`: what Node does not trust or have by itself. */
  readonly tls?: TlsFiles | undefined;
};

/** The variables; an empty one counts as unset. */
export const redisVariables = {
  REDIS_URL: z.string().min(1),
  REDIS_CLUSTER: z.enum(["true", "false", ""]).optional(),
  REDIS_CA_FILE: z.string().optional(),
  REDIS_CERT_FILE: z.string().optional(),
  REDIS_KEY_FILE: z.string().optional(),
};

type Variables = z.infer<z.ZodObject<typeof redisVariables>>;

/** @throws `settings_invalid` that names the variable and the fix. */
export function redisAddress(read: Variables): RedisAddress {
  const nodes = read.REDIS_URL.split(",").flatMap((node) => node.trim() || []);
  const cluster = read.REDIS_CLUSTER === "true";
  const is_tls = checkNodes(nodes, cluster);
  const names = [
    ["ca", "REDIS_CA_FILE"],
    ["cert", "REDIS_CERT_FILE"],
    ["key", "REDIS_KEY_FILE"],
  ] as const;
  const given = names.filter(([, variable]) => read[variable]);
  if (given.length > 0 && !is_tls) {
    throw invalid(`${given[0]?.[1]} is set and REDIS_URL is not rediss://`, "Write rediss:// in REDIS_URL.");
  }
  if (!read.REDIS_CERT_FILE !== !read.REDIS_KEY_FILE) {
    throw invalid("of REDIS_CERT_FILE and REDIS_KEY_FILE only one is set", "Set both, or none.");
  }
  if (!is_tls) return { nodes, cluster };
  const tls = Object.fromEntries(given.map(([name, variable]) => [name, readPem(variable, read[variable] ?? "")]));
  return { nodes, cluster, tls };
}

/** @returns whether they are reached by TLS. */
function checkNodes(nodes: readonly string[], cluster: boolean): boolean {
  const urls = nodes.flatMap((node) => (URL.canParse(node) ? [new URL(node)] : []));
  const [first, ...others] = urls;
  if (first === undefined || urls.length < nodes.length || urls.some((url) => !/^rediss?:$/.test(url.protocol))) {
    throw invalid("REDIS_URL is no address of Redis", "Write redis://host:6379, or rediss:// for TLS.");
  }
  if (others.length > 0 && !cluster) {
    throw invalid("REDIS_URL names several nodes", "Set REDIS_CLUSTER=true if they are a cluster, or name one.");
  }
  if (others.some((url) => accessOf(url) !== accessOf(first))) {
    throw invalid("the nodes of REDIS_URL differ in more than host and port", "Write one scheme, user and password.");
  }
  if (cluster && urls.some((url) => !["", "/", "/0"].includes(url.pathname))) {
    throw invalid("REDIS_URL names a database, and a cluster has only 0", "Leave the path out.");
  }
  return first.protocol === "rediss:";
}

function accessOf({ protocol, username, password }: URL): string {
  return [protocol, username, password].join(" ");
}

function invalid(message: string, fix: string): SluiceError {
  return new SluiceError("settings_invalid", message, { fix });
}
