/** Alerts in virtual time: told at once, posted in order, tried again, and never in anybody's way. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Crossing } from "../../../libs/shared/budgets/admission-store.ts";
import { ALERT_POSTS_MAX, ALERTS_QUEUED_MAX, type Alert, Alerts } from "../../../services/ingest/alerts.ts";
import type { Posted } from "../../../services/ingest/webhook.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

const crossing = (more: Partial<Crossing> = {}): Crossing => ({
  tenant: "demo",
  scope: "user_day",
  subject: "ann",
  window: "2026-01-01",
  threshold: 0.8,
  cap_nusd: 10_000_000_000,
  used_nusd: 8_250_000_001,
  ...more,
});
const DAY_MS = 86_400_000;

function setUp(answer: (alert: Alert, at: number) => Posted | Promise<Posted>, has_webhook = true) {
  const clock = new VirtualClock();
  const posts: { readonly alert: Alert; readonly at_ms: number }[] = [];
  const warned: string[] = [];
  const counts: string[] = [];
  const failed: unknown[] = [];
  const post = async (payload: object): Promise<Posted> => {
    posts.push({ alert: payload as Alert, at_ms: clock.now_ms() - START_MS });
    return answer(payload as Alert, posts.length);
  };
  const log = {
    debug() {},
    info() {},
    warn: (_: unknown, message: string) => void warned.push(message),
    error: (fields: { readonly why?: unknown }) => void failed.push(fields.why),
  };
  const alerts = new Alerts({
    clock,
    random: () => 0.5,
    log,
    post: has_webhook ? post : undefined,
    count: (scope, threshold) => counts.push(`${scope} ${threshold}`),
    countUnposted: () => counts.push("unposted"),
  });
  return { alerts, clock, posts, warned, counts, failed, run: () => clock.run(() => false, START_MS + DAY_MS) };
}

describe("an alert", () => {
  test("of a threshold is logged, counted and posted, in words and numbers", async () => {
    const { alerts, posts, warned, counts, run } = setUp(() => ({ kind: "taken" }));
    alerts.crossings([crossing()]);
    await run();
    const text = "demo: 80 % of the daily budget of a user (ann) for 2026-01-01 is used: $8.250000001 of $10.00";
    assert.deepEqual(warned, [text]);
    assert.deepEqual(counts, ["user_day 0.8"]);
    assert.deepEqual(
      posts.map(({ alert }) => alert),
      [
        {
          kind: "budget_threshold",
          text,
          tenant: "demo",
          scope: "user_day",
          subject: "ann",
          window: "2026-01-01",
          threshold: 0.8,
          cap_usd: 10,
          used_usd: 8.250000001,
          at: "2026-01-01T00:00:00.000Z",
        },
      ],
    );
  });

  test("of a tenant that was stopped says what to do", async () => {
    const { alerts, posts, counts, run } = setUp(() => ({ kind: "taken" }));
    alerts.tripped("demo", { window_s: 300, usd_nusd: 2_500_000_000 });
    await run();
    const [post] = posts;
    assert.equal(post?.alert.kind, "tenant_stopped");
    assert.match(post?.alert.text ?? "", /more than \$2\.50 settled within 300 s; it is stopped until/);
    assert.equal(post?.alert.window, "300s");
    assert.deepEqual(counts, ["velocity 1"]);
  });

  test("without a webhook is logged and counted", async () => {
    const { alerts, posts, warned, counts } = setUp(() => ({ kind: "taken" }), false);
    alerts.crossings([crossing({ scope: "session", subject: "s", window: "" })]);
    assert.match(warned[0] ?? "", /budget of a session \(s\) is used/);
    assert.deepEqual([posts, counts], [[], ["session 0.8"]]);
  });
});

describe("the webhook", () => {
  test("that is away is tried again, later each time, and the next alert waits its turn", async () => {
    const { alerts, posts, counts, run } = setUp((_, at) =>
      at < 3 ? { kind: "again", why: "HTTP 503" } : { kind: "taken" },
    );
    alerts.crossings([crossing({ threshold: 0.5 }), crossing()]);
    await run();
    assert.deepEqual(
      posts.map(({ alert, at_ms }) => [alert.threshold, at_ms]),
      [
        [0.5, 0],
        [0.5, 1_500],
        [0.5, 4_500],
        [0.8, 4_500],
      ],
    );
    assert.ok(!counts.includes("unposted"));
  });

  test("that stays away is given up with a word, and so is one that refuses", async () => {
    const { alerts, posts, failed, counts, run } = setUp(({ threshold }) =>
      threshold === 0.5 ? { kind: "again", why: "UND_ERR_SOCKET" } : { kind: "refused", why: "HTTP 404" },
    );
    alerts.crossings([crossing({ threshold: 0.5 }), crossing()]);
    await run();
    assert.equal(posts.length, ALERT_POSTS_MAX + 1);
    assert.deepEqual(failed, ["UND_ERR_SOCKET", "HTTP 404"]);
    assert.equal(counts.filter((count) => count === "unposted").length, 2);
  });

  test("that never answers holds nobody up: the queue has an end", async () => {
    const { alerts, warned, failed } = setUp(() => new Promise(() => undefined));
    for (let at = 0; at < ALERTS_QUEUED_MAX + 11; at += 1) alerts.crossings([crossing()]);
    assert.equal(warned.length, ALERTS_QUEUED_MAX + 11, "all are in the log");
    assert.equal(failed.length, 10, "one is under way, the queue is full, the rest is not posted");
  });

  test("that throws breaks nothing", async () => {
    const { alerts, failed, run } = setUp(() => {
      throw new Error("a bug");
    });
    alerts.crossings([crossing()]);
    await run();
    assert.deepEqual(failed, ["Error: a bug"]);
  });

  test("is not called again once the service stops", async () => {
    const { alerts, posts, clock, run } = setUp(() => ({ kind: "again", why: "HTTP 500" }));
    alerts.crossings([crossing()]);
    clock.after(100, () => alerts.stop());
    await run();
    alerts.crossings([crossing()]);
    await run();
    assert.equal(posts.length, 1);
  });
});
