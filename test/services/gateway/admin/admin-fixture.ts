/** Routes for administrators on a server in memory, with a key that may and one that may not. */
import Fastify from "fastify";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import type { LogFields } from "../../../../libs/shared/log.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import type { AdminDeps } from "../../../../services/gateway/admin/acting.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import type { Routes } from "../../../../services/gateway/route.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

export const NOW_MS = Date.parse("2026-03-05T12:00:00Z");

const admin = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const reader = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 2));
export const ADMIN_ID = admin.id;

export function adminFixture() {
  const keys = new KeyRing();
  const record = { kind: "key", tenant: "demo", created_ms: 0 } as const;
  keys.apply({ id: admin.id, record: { ...record, id: admin.id, hash: admin.hash, scopes: ["admin"] } });
  keys.apply({ id: reader.id, record: { ...record, id: reader.id, hash: reader.hash, scopes: ["read", "submit"] } });
  const acts: LogFields[] = [];
  const log = { ...silentLog, info: (fields: LogFields) => void acts.push(fields) };
  const deps: AdminDeps = { keys, clock: new VirtualClock(NOW_MS), log };
  const serve = (routes: Routes) => {
    const app = Fastify();
    routes(app);
    const ask = (method: "GET" | "POST", url: string, body?: object, key = admin.key) =>
      app.inject({ method, url, headers: { authorization: `Bearer ${key}` }, ...(body === undefined ? {} : { body }) });
    return { ask, askAsReader: (method: "GET" | "POST", url: string) => ask(method, url, undefined, reader.key) };
  };
  return { deps, acts, serve };
}
