/** The cache's figures. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Log } from "../../../libs/shared/log.ts";
import type { Coalescing } from "./coalescing.ts";
import type { CacheIndex } from "./contract.ts";
import type { LocalAnswers } from "./local.ts";
import type { CacheObserver } from "./lookup.ts";

export type ObservedCache = {
  readonly index: Pick<CacheIndex, "size">;
  readonly local: Pick<LocalAnswers, "size" | "bytes">;
  readonly coalescing: Pick<Coalescing, "waiting">;
  readonly log: Pick<Log, "debug">;
  /** Told that an entry has no answer in Redis. */
  readonly gone: () => void;
};

export function observeCache(metrics: Registry, { index, local, coalescing, log, gone }: ObservedCache): CacheObserver {
  const registers = [metrics];
  const rejected = new Counter({
    name: "sluice_cache_rejected_total",
    help: "Near entries that did not answer, by why: the guard's check, threshold, or gone",
    labelNames: ["by"],
    registers,
  });
  const unembedded = new Counter({
    name: "sluice_cache_not_embedded_total",
    help: "Questions that went on without the semantic cache, because they could not be embedded",
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge("sluice_cache_entries", "Entries of the cache that this router holds", () => index.size);
  gauge("sluice_cache_local_answers", "Answers in this router's memory", () => local.size);
  gauge("sluice_cache_local_bytes", "Bytes of the answers in this router's memory", () => local.bytes);
  gauge("sluice_cache_waiting", "Requests that wait for an identical one's answer", () => coalescing.waiting);
  return {
    rejected: (by) => rejected.inc({ by }),
    gone,
    notEmbedded(error) {
      unembedded.inc();
      log.debug({ error }, "a question could not be embedded");
    },
  };
}
