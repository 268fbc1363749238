/** A gateway on ports in memory, on a real socket, before a pipeline that a test plays. */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { Registry } from "prom-client";
import { systemClock } from "../../../libs/shared/clock.ts";
import { gatewaySchema } from "../../../libs/shared/config/gateway.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import type { Request } from "../../../libs/shared/events/request.ts";
import type { KeyScope } from "../../../libs/shared/events/tenants.ts";
import type { OutRecord } from "../../../libs/shared/kafka/ports.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../libs/shared/keys.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import type { KeyHolder } from "../../../libs/shared/redis/idempotency.ts";
import type { FollowedState } from "../../../libs/shared/redis/request-events.ts";
import type { TokenEvent } from "../../../libs/shared/redis/token-events.ts";
import { KeyRing } from "../../../services/gateway/keys.ts";
import { createGateway, type GatewayDeps } from "../../../services/gateway/server.ts";
import type { StreamReader, Wakes } from "../../../services/gateway/streams/contract.ts";
import { EventStreams } from "../../../services/gateway/streams/sse.ts";
import { WaitingCallers } from "../../../services/gateway/waiting.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const { key, id: key_id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));

export { key as KEY, key_id as KEY_ID };

/** Streams of states and tokens, with ids as Redis gives them. */
export class MemoryFollowing implements Wakes, StreamReader {
  readonly #followers = new Map<string, Set<() => void>>();
  readonly #states = new Map<string, { id: string; state: FollowedState }[]>();
  readonly #tokens = new Map<string, { id: string; event: TokenEvent }[]>();
  #attempt = 0;

  get count(): number {
    return [...this.#followers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  async follow(tenant: string, id: string, wake: () => void): ReturnType<Wakes["follow"]> {
    const name = `${tenant} ${id}`;
    const followers = this.#followers.get(name) ?? new Set();
    this.#followers.set(name, followers.add(wake));
    return { close: () => void followers.delete(wake) };
  }

  async states(tenant: string, id: string, after?: string): ReturnType<StreamReader["states"]> {
    return behind(this.#states.get(`${tenant} ${id}`) ?? [], after);
  }

  async tokens(
    tenant: string,
    id: string,
    after: string | undefined,
    limit: number,
  ): ReturnType<StreamReader["tokens"]> {
    return behind(this.#tokens.get(`${tenant} ${id}`) ?? [], after).slice(0, limit);
  }

  tell(id: string, ...states: FollowedState[]): void {
    const name = `demo ${id}`;
    const all = this.#states.get(name) ?? [];
    for (const state of states) all.push({ id: `1-${all.length}`, state });
    this.#states.set(name, all);
    this.#wake(name);
  }

  token(id: string, ...events: TokenEvent[]): void {
    const name = `demo ${id}`;
    const all = this.#tokens.get(name) ?? [];
    for (const event of events) {
      if (event.kind === "start") this.#attempt += 1;
      const last = event.kind === "start" ? undefined : all.at(-1)?.id;
      const n = last === undefined ? 0 : Number(last.split("-")[1]) + 1;
      all.push({ id: `${this.#attempt}-${n}`, event });
    }
    this.#tokens.set(name, all);
    this.#wake(name);
  }

  #wake(name: string): void {
    for (const wake of [...(this.#followers.get(name) ?? [])]) wake();
  }
}

function behind<T extends { id: string }>(all: readonly T[], after: string | undefined): readonly T[] {
  return all.slice(all.findIndex(({ id }) => id === after) + 1);
}

export type Sent = { readonly id: string; readonly request: Request; readonly record: OutRecord };

export type Pipe = {
  readonly following: MemoryFollowing;
  readonly publisher: MemoryPublisher;
  /** As results does: the view, then the word. */
  end(id: string, result: Partial<Result>, rate_room?: string): void;
};

/** What the pipeline does with each request. */
export type Script = (sent: Sent, pipe: Pipe) => void | Promise<void>;

export type Fixture = Awaited<ReturnType<typeof listening>>;

export function ports(script: Script = () => undefined, more: Partial<GatewayDeps> = {}, scopes?: KeyScope[]) {
  const keys = new KeyRing();
  const all: KeyScope[] = scopes ?? ["submit", "read"];
  keys.apply({ id: key_id, record: { kind: "key", id: key_id, tenant: "demo", hash, scopes: all, created_ms: 0 } });
  const publisher = new MemoryPublisher();
  const settings = more.settings ?? gatewaySchema.parse({});
  const waiting = new WaitingCallers(systemClock);
  const following = new MemoryFollowing();
  const results = new Map<string, string>();
  const holders = new Map<string, KeyHolder>();
  const pipe: Pipe = {
    following,
    publisher,
    end(id, result, rate_room) {
      const text = JSON.stringify({ id, tenant: "demo", status: "succeeded", timing: {}, ...result });
      results.set(id, text);
      following.tell(id, { state: "ended", status: "succeeded" });
      waiting.deliver({ tenant: "demo", id, result: text, rate_room });
    },
  };
  const publish = publisher.publish.bind(publisher);
  publisher.publish = async (records) => {
    await publish(records);
    for (const record of records.filter(({ topic }) => topic === NAMES.requests)) {
      const request = JSON.parse(String(record.value)) as Request;
      setImmediate(() => void script({ id: request.id as string, request, record }, pipe));
    }
  };
  const streams = new EventStreams({ settings: settings.streams, clock: systemClock });
  const deps: GatewayDeps = {
    ...{ instance: "gateway-1", settings, names: NAMES, codec: jsonCodec, publisher, keys, waiting },
    ...{ wakes: following, reader: following, streams },
    views: {
      queued: async () => undefined,
      async read(tenant, id) {
        const result = tenant === "demo" ? results.get(id) : undefined;
        return result === undefined ? undefined : { ...viewOf(result), updated_ms: 1, result };
      },
    },
    idempotency: {
      async claim(_tenant, name, holder, instead_of) {
        const before = holders.get(name);
        if (before !== undefined && before.id !== instead_of?.id) return before;
        holders.set(name, holder);
        return undefined;
      },
    },
    redisReady: () => true,
    findResult: async () => undefined,
    appealOf: async () => ({ kind: "unknown" }),
    ...{ clock: systemClock, log: silentLog, metrics: new Registry(), ready: async () => [] },
    ...more,
  };
  return { deps, pipe, streams, waiting, publisher, following };
}

/** For tests in which nobody streams. */
export function noStreams(): Pick<GatewayDeps, "wakes" | "reader" | "streams"> {
  const following = new MemoryFollowing();
  const streams = { open: () => assert.fail("a stream was opened") };
  return { wakes: following, reader: following, streams };
}

function viewOf(result: string): Pick<Result, "status"> {
  return { status: (JSON.parse(result) as Result).status };
}

/** Listens; `close` ends all. */
export async function listening(script?: Script, more?: Partial<GatewayDeps>, scopes?: KeyScope[]) {
  const made = ports(script, more, scopes);
  const app = createGateway(made.deps);
  await app.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const close = async (): Promise<void> => {
    made.waiting.release();
    await made.streams.close();
    app.server.closeAllConnections();
    await app.close();
  };
  return { ...made, app, url, close };
}
