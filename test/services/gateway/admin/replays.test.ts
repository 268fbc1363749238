/** Replays for administrators: asked for, started and stopped; who runs them is another's matter. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import { nusd } from "../../../../libs/shared/money.ts";
import { type NewReplay, NO_TOTALS, type Replay } from "../../../../libs/shared/replay/replay.ts";
import { adminReplayRoutes } from "../../../../services/gateway/admin/replays.ts";
import { NAMES } from "../../../support/memory-ports.ts";
import { ADMIN_ID, adminFixture, NOW_MS } from "./admin-fixture.ts";

const YAML = readFileSync(new URL("../../../../sluice.yaml", import.meta.url), "utf8");
const SETTINGS = parseSettings(YAML, "sluice.yaml");

function setUp() {
  const { deps, acts, serve } = adminFixture();
  const rows = new Map<string, Replay>();
  const replays = {
    async create({ created_ms, ...made }: NewReplay) {
      rows.set(made.id, { ...made, status: "previewing", totals: NO_TOTALS, created_ms, updated_ms: created_ms });
    },
    find: async (id: string) => rows.get(id),
    list: async ({ limit }: { readonly limit: number }) => [...rows.values()].slice(0, limit),
    async ask(id: string, runner: Replay["runner"], budget_nusd: number | undefined) {
      const row = rows.get(id);
      if (row === undefined || !["previewed", "paused", "failed"].includes(row.status)) return false;
      const { budget_nusd: before, ...rest } = row;
      const budget = budget_nusd ?? before;
      rows.set(id, { ...rest, status: "asked", runner, ...(budget === undefined ? {} : { budget_nusd: budget }) });
      return true;
    },
    async want(id: string, wanted: "pause" | "cancel") {
      const row = rows.get(id);
      if (row === undefined) return undefined;
      rows.set(id, { ...row, wanted });
      return rows.get(id);
    },
  };
  const routes = adminReplayRoutes({ ...deps, replays, names: NAMES, settings: SETTINGS, tiers: ["small", "large"] });
  const change = (id: string, own: Partial<Replay>) => rows.set(id, { ...(rows.get(id) as Replay), ...own });
  return { ...serve(routes), acts, rows, change };
}

const reuse = { spec: { mode: "reuse", selection: { tenant: "demo" } } };

describe("replays", () => {
  test("are previewed first, over the requests unless something else is named", async () => {
    const { ask, rows, acts } = setUp();
    const made = (await ask("POST", "/admin/replays", { ...reuse, budget_usd: 2 })).json();
    assert.deepEqual(
      [made.status, made.runner, made.by, made.budget_usd],
      ["previewing", "service", `key ${ADMIN_ID}`, 2],
    );
    const row = rows.get(made.id);
    assert.equal(row?.spec.selection.topic, `${NAMES.requests},${NAMES.batch(NAMES.requests)}`);
    assert.deepEqual([row?.budget_nusd, row?.created_ms], [nusd(2), NOW_MS]);
    assert.deepEqual(acts, [{ act: "create_replay", key_id: ADMIN_ID, replay: made.id, mode: "reuse" }]);
  });

  test("of a stage read the service's own input", async () => {
    const { ask, rows } = setUp();
    const spec = { mode: "stage", stage: "inference", selection: {} };
    const { id } = (await ask("POST", "/admin/replays", { spec })).json();
    assert.ok(rows.get(id)?.spec.selection.topic.includes(NAMES.jobs("large")));
  });

  test("that make no sense are refused at once, with the field that is wrong", async () => {
    const { ask, rows } = setUp();
    const selection = {};
    const settings = { name: "other.yaml", yaml: "tiers: {}" };
    const offsets = [{ partition: 0, from: 0, to: 5 }];
    const wrong: [field: string, spec: object][] = [
      ["tier", { mode: "shadow", selection }],
      ["model", { mode: "shadow", selection, tier: "large", model: "gpt-4.1" }],
      ["settings", { mode: "what-if", selection }],
      ["tier", { mode: "what-if", selection, settings, tier: "large" }],
      ["settings", { mode: "what-if", selection, settings }],
      ["model", { mode: "reuse", selection, model: "gpt-4.1" }],
      ["tier", { mode: "shadow", selection, tier: "no-such-tier" }],
      ["charge", { mode: "reuse", selection, charge: true }],
      ["webhooks", { mode: "what-if", selection, settings, webhooks: true }],
      ["fill_cache", { mode: "stage", stage: "ingest", selection, fill_cache: true }],
      ["stage", { mode: "stage", selection }],
      ["stage", { mode: "reuse", stage: "ingest", selection }],
      ["rate_per_s", { mode: "reuse", selection, rate_per_s: 0 }],
      ["mode", { mode: "again", selection }],
      ["selection.topic", { mode: "reuse", selection: { topic: " , " } }],
      ["selection.offsets", { mode: "reuse", selection: { offsets } }],
      [
        "selection.offsets",
        { mode: "reuse", selection: { topic: "one", offsets: [{ partition: 0, from: 5, to: 5 }] } },
      ],
      ["selection.to_ms", { mode: "reuse", selection: { from_ms: 5, to_ms: 5 } }],
    ];
    for (const [field, spec] of wrong) {
      const refused = await ask("POST", "/admin/replays", { spec });
      assert.equal(refused.statusCode, 400, JSON.stringify(spec));
      assert.equal(refused.json().error.param, `spec.${field}`, JSON.stringify(spec));
    }
    assert.equal(
      (await ask("POST", "/admin/replays", { spec: { mode: "reuse", selection, more: 1 } })).statusCode,
      400,
    );
    assert.equal(rows.size, 0);
  });

  test("are started once their preview is there, and go on with a higher budget", async () => {
    const { ask, change, rows } = setUp();
    const { id } = (await ask("POST", "/admin/replays", reuse)).json();
    assert.equal((await ask("POST", `/admin/replays/${id}/start`)).statusCode, 409);
    change(id, { status: "paused", totals: { ...NO_TOTALS, cost_nusd: nusd(1) } });
    assert.equal((await ask("POST", `/admin/replays/${id}/start`, { budget_usd: 0.5 })).statusCode, 400);
    const started = await ask("POST", `/admin/replays/${id}/start`, { budget_usd: 3 });
    assert.deepEqual([started.json().status, started.json().totals.cost_usd], ["asked", 1]);
    assert.equal(rows.get(id)?.budget_nusd, nusd(3));
  });

  test("are shown with money in dollars and without the text of their settings", async () => {
    const { ask, change } = setUp();
    const settings = { name: "cheap.yaml", yaml: YAML };
    const { id } = (await ask("POST", "/admin/replays", { spec: { mode: "what-if", selection: {}, settings } })).json();
    const preview = {
      ...{ read: 1, selected: 1, unreadable: 0, by_status: {}, by_tier: {}, by_tenant: {}, calls: 1 },
      ...{ expected_nusd: nusd(1), most_nusd: nusd(2), recorded_nusd: 0, without_record: 0 },
    };
    change(id, { preview, comparison: { summary: { compared: 1 } } });
    const shown = (await ask("GET", `/admin/replays/${id}`)).json();
    assert.deepEqual([shown.preview.expected_usd, shown.preview.most_usd], [1, 2]);
    assert.deepEqual([shown.spec.settings, shown.comparison.summary.compared], [{ name: "cheap.yaml" }, 1]);
    const [listed] = (await ask("GET", "/admin/replays")).json().data;
    assert.equal("comparison" in listed, false);
  });

  test("are paused and cancelled; one that is not there is not found, and nobody else may ask", async () => {
    const { ask, askAsReader, rows } = setUp();
    const { id } = (await ask("POST", "/admin/replays", reuse)).json();
    assert.equal((await ask("POST", `/admin/replays/${id}/pause`)).json().wanted, "pause");
    assert.equal((await ask("POST", "/admin/replays/rp_none/cancel")).statusCode, 404);
    assert.equal((await askAsReader("POST", `/admin/replays/${id}/cancel`)).statusCode, 403);
    assert.equal(rows.get(id)?.wanted, "pause");
  });
});
