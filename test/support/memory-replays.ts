/** Replays in memory, as a store. */
import {
  type NewReplay,
  NO_TOTALS,
  type Replay,
  type ReplaySave,
  type ReplayStore,
} from "../../libs/shared/replay/replay.ts";

type Row = { replay: Replay; lease?: { owner: string; until_ms: number } };

const UNDER_WAY: readonly string[] = ["previewing", "asked", "running"];

export class MemoryReplays implements ReplayStore {
  readonly #rows = new Map<string, Row>();

  async create(replay: NewReplay): Promise<void> {
    if (this.#rows.has(replay.id)) return;
    const row = { ...replay, status: "previewing" as const, totals: NO_TOTALS, updated_ms: replay.created_ms };
    this.#rows.set(replay.id, { replay: row });
  }

  async find(id: string): Promise<Replay | undefined> {
    return this.#rows.get(id)?.replay;
  }

  async list({ after, limit }: { readonly after?: string; readonly limit: number }): Promise<Replay[]> {
    const all = [...this.#rows.values()].map(({ replay }) => replay);
    all.sort((a, b) => b.created_ms - a.created_ms || (a.id < b.id ? 1 : -1));
    const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
    return all.slice(from, from + limit);
  }

  async ask(id: string, runner: Replay["runner"], budget_nusd: number | undefined, now_ms: number): Promise<boolean> {
    const row = this.#rows.get(id);
    if (row === undefined) return false;
    const { status } = row.replay;
    const left = UNDER_WAY.includes(status) && !isHeld(row, now_ms);
    if (!left && !["previewed", "paused", "failed"].includes(status)) return false;
    const { wanted: _, error: __, ended_ms: ___, ...rest } = row.replay;
    const budget = budget_nusd === undefined ? {} : { budget_nusd };
    const asked = row.replay.ranges === undefined ? ("previewing" as const) : ("asked" as const);
    row.replay = { ...rest, ...budget, status: asked, runner, updated_ms: now_ms };
    return true;
  }

  async want(id: string, wanted: "pause" | "cancel", now_ms: number): Promise<Replay | undefined> {
    const row = this.#rows.get(id);
    if (row === undefined || row.replay.status === "completed" || row.replay.status === "cancelled") return row?.replay;
    const under_way = UNDER_WAY.includes(row.replay.status);
    if (under_way && isHeld(row, now_ms)) row.replay = { ...row.replay, wanted, updated_ms: now_ms };
    else if (wanted === "cancel") {
      row.replay = { ...row.replay, status: "cancelled", ended_ms: now_ms, updated_ms: now_ms };
    } else if (under_way) row.replay = { ...row.replay, status: "paused", updated_ms: now_ms };
    return row.replay;
  }

  async lease(owner: string, now_ms: number, until_ms: number, id?: string): Promise<Replay | undefined> {
    const due = [...this.#rows.values()]
      .filter((row) => (id === undefined ? row.replay.runner === "service" : row.replay.id === id))
      .filter((row) => UNDER_WAY.includes(row.replay.status))
      .filter((row) => !isHeld(row, now_ms) || row.lease?.owner === owner)
      .sort((a, b) => a.replay.created_ms - b.replay.created_ms)[0];
    if (due === undefined) return undefined;
    due.lease = { owner, until_ms };
    return due.replay;
  }

  async renew(id: string, owner: string, until_ms: number): Promise<"held" | "lost" | "pause" | "cancel"> {
    const row = this.#rows.get(id);
    if (row?.lease?.owner !== owner) return "lost";
    row.lease = { owner, until_ms };
    return row.replay.wanted ?? "held";
  }

  async save(id: string, owner: string, save: ReplaySave, now_ms: number): Promise<boolean> {
    const row = this.#rows.get(id);
    if (row?.lease?.owner !== owner) return false;
    const { wanted, ...rest } = { ...row.replay, ...save, updated_ms: now_ms };
    const kept = wanted !== undefined && UNDER_WAY.includes(rest.status) ? { wanted } : {};
    row.replay = { ...rest, ...kept };
    return true;
  }

  async release(id: string, owner: string): Promise<void> {
    const row = this.#rows.get(id);
    if (row?.lease?.owner === owner) delete row.lease;
  }
}

function isHeld({ lease }: Row, now_ms: number): boolean {
  return lease !== undefined && lease.until_ms > now_ms;
}
