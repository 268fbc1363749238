/** What is taken away of replays and redrives that are long over, and what stays. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { topicNames } from "../../../libs/shared/events/topics.ts";
import { replayId } from "../../../libs/shared/replay/id.ts";
import type { Replay } from "../../../libs/shared/replay/replay.ts";
import { type ForgettingDeps, forgetOld } from "../../../services/replay/forgetting.ts";
import { oldTopics } from "../../../services/replay/old-topics.ts";

const NAMES = topicNames("own.llm.");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 1, 20, 12);
const KEEP_MS = 7 * DAY_MS;
const idAt = (ago_ms: number): string => replayId(NOW_MS - ago_ms, Buffer.from("0102030405ff", "hex"));

describe("topics that had their time", () => {
  const old = (topics: readonly string[]) => oldTopics(NAMES, topics, KEEP_MS, NOW_MS).map(({ topic }) => topic);

  test("are those of redrives by their day, and of replays by their id", () => {
    const redrive = (day: string): string => NAMES.replay(`redrive-${day}-0a1b2c3d`);
    const gone = [redrive("20260212"), redrive("20251231"), NAMES.replay(idAt(KEEP_MS + 1))];
    const stay = [redrive("20260213"), redrive("20260220"), redrive("20270101"), NAMES.replay(idAt(KEEP_MS))];
    assert.deepEqual(old([...gone, ...stay]), gone);
  });

  test("are never any others", () => {
    const long_ago = "redrive-20200101-0a1b2c3d";
    assert.deepEqual(
      old([
        ...[NAMES.results, NAMES.requests, NAMES.dlq, NAMES.replay("")],
        ...[`llm.results.replay.${long_ago}`, `x.${NAMES.replay(long_ago)}`, `own.llm.${long_ago}`],
        ...["redrive-20200101", "redrive-20200101-0a1b2c3d.copy", "redrive-20209901-0a1b2c3d", "redrive-2020"].map(
          NAMES.replay,
        ),
        ...["mine", "rp_", `${idAt(DAY_MS * 900)}x`, `my-${idAt(DAY_MS * 900)}`].map(NAMES.replay),
      ]),
      [],
    );
  });
});

describe("forgetting", () => {
  function setUp(given: { topics: string[]; rows?: readonly string[]; old?: readonly string[]; groups?: string[] }) {
    const gone = { topics: [] as string[], groups: [] as string[], rows: [] as string[] };
    const admin = {
      connect: async () => {},
      disconnect: async () => {},
      listTopics: async () => given.topics,
      deleteTopics: async ({ topics }: { topics: string[] }) => void gone.topics.push(...topics),
      listGroups: async () => ({ groups: (given.groups ?? []).map((groupId) => ({ groupId })) }),
      deleteGroups: async (groups: string[]) => void gone.groups.push(...groups),
    };
    const rows = new Set([...(given.rows ?? []), ...(given.old ?? [])]);
    const deps: ForgettingDeps = {
      store: {
        old: async () => [...(given.old ?? [])],
        find: async (id) => (rows.has(id) ? ({ id } as Replay) : undefined),
        remove: async (id) => void gone.rows.push(id),
      },
      kafka: { admin: () => admin } as never,
      names: NAMES,
      settings: {
        consumption: { group_prefix: "own." },
        replay: { keep_days: 90, retention_hours: KEEP_MS / HOUR_MS },
      } as never,
    };
    return { gone, deps };
  }

  test("takes an old replay whole, leftovers by their topics, and leaves what has a row", async () => {
    const [old, orphan, kept] = [idAt(100 * DAY_MS), idAt(30 * DAY_MS), idAt(31 * DAY_MS)];
    const redrive = "redrive-20260101-0a1b2c3d";
    const { gone, deps } = setUp({
      topics: [...[old, orphan, kept, redrive].map(NAMES.replay), NAMES.results],
      rows: [kept],
      old: [old],
      groups: [`own.replay.${old}`, `own.replay.${kept}`],
    });
    assert.equal(await forgetOld(deps, NOW_MS), 3);
    assert.deepEqual(gone, {
      topics: [old, orphan, redrive].map(NAMES.replay),
      groups: [`own.replay.${old}`],
      rows: [old],
    });
  });

  test("does nothing where there is nothing", async () => {
    const { gone, deps } = setUp({ topics: [NAMES.results, NAMES.replay(idAt(DAY_MS))] });
    assert.equal(await forgetOld(deps, NOW_MS), 0);
    assert.deepEqual(gone, { topics: [], groups: [], rows: [] });
  });

  test("takes some at once, however many of them have rows", async () => {
    const rows = Array.from({ length: 70 }, (_, at) => idAt((100 + at) * DAY_MS));
    const redrives = Array.from({ length: 60 }, (_, at) => `redrive-20260101-000000${at + 10}`);
    const { gone, deps } = setUp({ topics: [...rows, ...redrives].map(NAMES.replay), rows });
    assert.equal(await forgetOld(deps, NOW_MS), 50);
    assert.deepEqual(gone.topics, redrives.slice(0, 50).map(NAMES.replay));
  });
});
