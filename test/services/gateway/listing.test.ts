/** Pages of requests, of which some have not ended. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { OpenRequest } from "../../../libs/shared/redis/open-requests.ts";
import {
  cursorOf,
  type ListAsk,
  type ListingDeps,
  listRequests,
  readAfter,
} from "../../../services/gateway/listing.ts";
import type { ListedRow, Place } from "../../../services/gateway/result-rows.ts";

type Known = { readonly id: string; readonly at_ms: number; ended: boolean };

const isBefore = (one: Place, other: Place): boolean =>
  one.received_us < other.received_us || (one.received_us === other.received_us && one.id < other.id);

/** Redis and Postgres in memory; one that has ended stays open in Redis until somebody looks. */
function setUp(all: readonly Known[]) {
  const forgotten = new Set<string>();
  const latestFirst = (): Known[] => all.toSorted((a, b) => (isBefore(placeOf(a), placeOf(b)) ? 1 : -1));
  const placeOf = ({ id, at_ms }: Known): Place => ({ received_us: at_ms * 1_000, id });
  const deps: ListingDeps = {
    open: {
      async page(_tenant, { before, limit }) {
        const start = before === undefined ? undefined : { received_us: before.received_ms * 1_000, id: before.id };
        return latestFirst()
          .filter((one) => !forgotten.has(one.id) && (start === undefined || isBefore(placeOf(one), start)))
          .slice(0, limit)
          .map(
            ({ id, at_ms, ended }): OpenRequest => ({
              ...{ id, received_ms: at_ms },
              view: ended ? { status: "succeeded", updated_ms: 0, result: "{}" } : { status: "queued", updated_ms: 0 },
            }),
          );
      },
      async forget(_tenant, ids) {
        for (const id of ids) forgotten.add(id);
      },
      receivedAt: async (_tenant, id) => all.find((one) => one.id === id && !one.ended)?.at_ms,
    },
    rows: async (_tenant, { before, limit, statuses, from_ms = 0, to_ms = Infinity }) =>
      latestFirst()
        .filter((one) => one.ended && (statuses === undefined || statuses.includes("succeeded")))
        .filter((one) => one.at_ms >= from_ms && one.at_ms < to_ms)
        .filter((one) => before === undefined || isBefore(placeOf(one), before))
        .slice(0, limit)
        .map((one) => ({ ...placeOf(one), status: "succeeded" }) as ListedRow),
    async place(_tenant, id) {
      const found = all.find((one) => one.id === id);
      return found === undefined ? undefined : placeOf(found);
    },
  };
  return { deps, latestFirst };
}

const known = fc
  .uniqueArray(fc.record({ nr: fc.nat(500), at_ms: fc.integer({ min: 1, max: 9 }), ended: fc.boolean() }), {
    selector: ({ nr }) => nr,
    maxLength: 40,
  })
  .map((all) => all.map(({ nr, at_ms, ended }): Known => ({ id: `r${String(nr).padStart(3, "0")}`, at_ms, ended })));

describe("a list of requests", () => {
  test("shows each once, in one order, while others come in and some end", async () => {
    await fc.assert(
      fc.asyncProperty(
        known,
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        fc.infiniteStream(fc.nat(60)),
        async (all, limit, by_id, chance) => {
          const requests = [...all];
          const { deps, latestFirst } = setUp(requests);
          const expected = latestFirst().map(({ id }) => id);
          const seen: string[] = [];
          for (let before: Place | undefined; ; ) {
            const page = await listRequests(deps, "demo", { limit, before });
            assert.ok(page.items.length <= limit);
            seen.push(...page.items.map(({ id }) => id));
            if (page.next === undefined) break;
            const after = by_id ? page.next.id : cursorOf(page.next);
            before = await readAfter(deps, "demo", after);
            assert.deepEqual(before, page.next);
            requests.push({
              id: `new${requests.length}`,
              at_ms: 10 + requests.length,
              ended: requests.length % 2 === 0,
            });
            const one = all[chance.next().value % Math.max(1, all.length)];
            if (one !== undefined) one.ended = true;
          }
          assert.deepEqual(seen, expected);
        },
      ),
    );
  });

  test("by status looks at either side alone, and by time at both", async () => {
    const { deps } = setUp([
      { id: "a", at_ms: 1, ended: true },
      { id: "b", at_ms: 2, ended: false },
      { id: "c", at_ms: 3, ended: true },
      { id: "d", at_ms: 4, ended: false },
    ]);
    const ids = async (ask: Partial<ListAsk>): Promise<string[]> =>
      (await listRequests(deps, "demo", { limit: 10, ...ask })).items.map(({ id }) => id);
    assert.deepEqual(await ids({}), ["d", "c", "b", "a"]);
    assert.deepEqual(await ids({ statuses: ["queued"] }), ["d", "b"]);
    assert.deepEqual(await ids({ statuses: ["succeeded", "failed"] }), ["c", "a"]);
    assert.deepEqual(await ids({ statuses: ["running"] }), []);
    assert.deepEqual(await ids({ from_ms: 2, to_ms: 4 }), ["c", "b"]);
    assert.deepEqual(await ids({ tier: "small" }), ["c", "a"]);
  });

  test("goes on where it stopped looking at open ones, of which a filter lets few through", async () => {
    const many = Array.from({ length: 2_500 }, (_, at): Known => ({ id: `r${at}`, at_ms: at + 2, ended: true }));
    const { deps } = setUp([...many, { id: "last", at_ms: 1, ended: false }]);
    const pages: number[] = [];
    const seen: string[] = [];
    for (let before: Place | undefined; ; ) {
      const page = await listRequests(deps, "demo", { statuses: ["queued"], limit: 10, before });
      pages.push(page.items.length);
      seen.push(...page.items.map(({ id }) => id));
      before = page.next;
      if (before === undefined) break;
    }
    assert.deepEqual([pages, seen], [[0, 0, 1], ["last"]]);
  });

  test("knows no cursor but its own", async () => {
    const { deps } = setUp([]);
    for (const after of ["nobody", "", "x~y", "1~", "1~a b", "99999999999999999999~a"]) {
      assert.equal(await readAfter(deps, "demo", after), undefined, after);
    }
  });
});
