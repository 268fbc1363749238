/** The console's pages on the real parts, in a browser: every act is seen before it is done, and done. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { fitsWidth, NO_BROWSER, type Opened, signIn, TestBrowser } from "../support/browser.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat } from "../support/requests.ts";
import { until } from "../support/until.ts";

/** A batch that is cancelled before its end. */
const LINES = 60;
const LINE_MS = 20_000;

describe("the console's acts", { skip: NO_BROWSER }, () => {
  let pipeline: Pipeline;
  let browser: TestBrowser;
  let opened: Opened;
  let made = 0;
  let receiver: Server;
  let admin: string;
  let received = 0;
  const answers = { status: 500 };

  before(async () => {
    receiver = createServer((request, reply) => {
      request.resume().on("end", () => {
        received += 1;
        reply.writeHead(answers.status).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    pipeline = await startPipeline({
      name: "console-acts",
      settings: {
        cache: { exact: { enabled: true } },
        tiers: { small: { models: ["gpt-4.1-mini", "gpt-4.1-nano"], in_flight_max: 4 } },
        prices: { models: { "gpt-4.1-nano": { input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.4 } } },
        webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"] },
        jobs: { poll_ms: 200 },
      },
      scale: { replay: 1 },
    });
    admin = await pipeline.createKey("demo", ["submit", "read", "admin"]);
    await seed();
    browser = await TestBrowser.launch();
    opened = await browser.open({ colorScheme: "light", reducedMotion: "reduce" });
    await signIn(opened.page, pipeline.gateway_url, admin);
  });
  after(async () => {
    try {
      await opened?.close();
    } finally {
      await browser?.stop();
      await pipeline?.stop();
      receiver.close();
    }
  });

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await fetch(`${pipeline.gateway_url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${admin}`,
        ...(body === undefined || body instanceof FormData ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
    });
    assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${await reply.clone().text()}`);
    return (await reply.json()) as T;
  }

  /** Requests answered by a model and by the cache, dead letters of two reasons, and a webhook whose receiver fails. */
  async function seed(): Promise<void> {
    const { port } = receiver.address() as AddressInfo;
    await call("POST", "/v1/webhooks", { url: `http://127.0.0.1:${port}/hook`, events: ["*"] });
    const ids = Array.from({ length: 24 }, (_, at) => pipeline.id(`asked-${at}`));
    for (const group of [ids.slice(0, 12), ids.slice(12)]) {
      await pipeline.produce(
        group.map((id, at) => ({ key: id, value: { tenant: "demo", id, body: chat(`question ${at}`) } })),
      );
      await pipeline.resultsOf(group);
    }
    await pipeline.produce([
      { value: "{garbage" },
      { value: "{more garbage" },
      { value: Buffer.from([0, 0, 0, 0, 1, 2]) },
    ]);
    await pipeline.deadLetters(3);
  }

  /** The page has said what was done. */
  const told = (text: string) => opened.page.locator(".toast", { hasText: text }).first().waitFor();
  const go = (path: string) => opened.page.goto(`${pipeline.gateway_url}/console/${path}`);
  const button = (name: string | RegExp) => opened.page.getByRole("button", { name });
  const inDialog = (name: string | RegExp) =>
    opened.page.getByRole("dialog").getByRole("button", { name, exact: typeof name === "string" });
  const newId = (name: string): string => {
    made += 1;
    return pipeline.id(`${name}-${made}`);
  };

  /** In light, dark and on a phone, where nothing may lie beside the window. */
  async function shoot(name: string): Promise<void> {
    const { page } = opened;
    await opened.screenshot(`acts-${name}`);
    await page.emulateMedia({ colorScheme: "dark" });
    await opened.screenshot(`acts-${name}-dark`);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 390, height: 844 });
    await opened.screenshot(`acts-${name}-phone`);
    assert.ok(await fitsWidth(page), `${name} fits a phone`);
    await page.setViewportSize({ width: 1_280, height: 900 });
  }

  test("the cache is shown, and entries are purged after a dry run", async () => {
    const { page } = opened;
    await go("cache");
    await page.getByText("Answered from the cache").waitFor();
    await page.getByRole("table", { name: "Hits by tenant" }).getByText("demo", { exact: true }).waitFor();
    await button("Count").click();
    await page.getByRole("table", { name: "Entries by tenant" }).getByText("All", { exact: true }).waitFor();
    await shoot("cache");
    await page.getByLabel("Tenant", { exact: true }).fill("demo");
    await button("Purge…").click();
    await page.getByRole("dialog").getByText("12 entries").first().waitFor();
    await shoot("cache-purge");
    await inDialog("Purge 12 entries").click();
    await told("told to go");
    await until("the cache forgets", async () => {
      const id = newId("after-purge");
      await pipeline.produce([{ key: id, value: { tenant: "demo", id, body: chat("question 3") } }]);
      const [result] = (await pipeline.resultsOf([id])).get(id) ?? [];
      return result?.route?.cache === "miss";
    });
  });

  test("a rollout is started, seen and rolled back", async () => {
    const { page } = opened;
    await go("routing");
    await page.getByRole("table", { name: "Tiers" }).getByText("gpt-4.1-mini").waitFor();
    await button("Start a rollout…").click();
    await page.getByLabel("Name", { exact: true }).fill("cheaper");
    await page.getByLabel("Tier", { exact: true }).selectOption("small");
    await page.getByLabel("Model to be called first").selectOption("gpt-4.1-nano");
    await page.getByLabel("Per cent of the requests").fill("50");
    await inDialog("Start").click();
    await told("cheaper is started");
    const ids = Array.from({ length: 80 }, (_, at) => pipeline.id(`rolled-${at}`));
    await until("routers follow it", async () => {
      const id = newId("follows");
      await pipeline.produce([{ key: id, value: { tenant: "demo", id, body: chat(`which ${id}`) } }]);
      const [result] = (await pipeline.resultsOf([id])).get(id) ?? [];
      return result?.route?.decision?.rollout?.name === "cheaper";
    });
    await pipeline.produce(ids.map((id) => ({ key: id, value: { tenant: "demo", id, body: chat(`rolled ${id}`) } })));
    await pipeline.resultsOf(ids);
    await shoot("routing");
    await page.getByRole("link", { name: "cheaper" }).click();
    await page.getByRole("table", { name: "Both sides" }).waitFor();
    // A line needs two points of ten seconds each.
    await until("both sides are drawn over time", async () => {
      const id = newId("drawn");
      await pipeline.produce([{ key: id, value: { tenant: "demo", id, body: chat(`drawn ${id}`) } }]);
      await pipeline.resultsOf([id]);
      const { series } = await call<{ series: readonly unknown[] }>("GET", "/admin/rollouts/cheaper");
      return series.length >= 3;
    });
    await page
      .getByRole("img", { name: /^Latency of both sides/ })
      .locator("canvas")
      .waitFor();
    await page
      .getByRole("img", { name: /^Cost of both sides/ })
      .locator("canvas")
      .waitFor();
    await shoot("rollout");
    await button("Roll back…").click();
    await inDialog("Roll back").click();
    await told("Nobody has the new side");
    await page.getByText("rolled back").first().waitFor();
    const { status } = await call<{ status: string }>("GET", "/admin/rollouts/cheaper");
    assert.equal(status, "rolled_back");
  });

  test("a batch is cancelled", async () => {
    const { page } = opened;
    const lines = Array.from({ length: LINES }, (_, at) => {
      const body = {
        model: "small",
        messages: [{ role: "user", content: `[[mock latency_ms=${LINE_MS}]] line ${at}` }],
      };
      return JSON.stringify({ custom_id: `line-${at}`, method: "POST", url: "/v1/chat/completions", body });
    });
    const form = new FormData();
    form.set("purpose", "batch");
    form.set("file", new Blob([lines.join("\n")]), "lines.jsonl");
    const file = await call<{ id: string }>("POST", "/v1/files", form);
    const spec = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    const batch = await call<{ id: string }>("POST", "/v1/batches", spec);
    await go("jobs");
    await page.getByRole("link", { name: batch.id }).click();
    await page.getByText(`of ${LINES}`).first().waitFor();
    await shoot("job");
    await button("Cancel…").click();
    await page.getByRole("dialog").getByText("are not asked any more").waitFor();
    await inDialog("Cancel it").click();
    await told("It is being cancelled");
    await page.getByText("cancelled", { exact: true }).first().waitFor({ timeout: 60_000 });
    await go("jobs");
    await page.getByRole("table", { name: "Jobs" }).waitFor();
    await shoot("jobs");
  });

  test("dead letters are looked into, redriven and dropped", async () => {
    const { page } = opened;
    await go("dead-letters");
    const groups = page.getByRole("table", { name: "Dead letters by reason" });
    await groups.waitFor();
    await shoot("dead-letters");
    await groups.getByRole("link").first().click();
    const letters = page.getByRole("table", { name: "Dead letters" });
    await letters.waitFor();
    await letters.getByRole("link").first().click();
    await page.getByText("A redrive would do").waitFor();
    await shoot("dead-letter");
    await button("Redrive…").click();
    await inDialog("See what would happen").click();
    await page.getByRole("dialog").getByText("would be redriven").waitFor();
    await shoot("dead-letter-redrive");
    await inDialog(/^Redrive 1 letter$/).click();
    await told("They are on their way");
    await pipeline.deadLetters(4);
    await go("dead-letters");
    await groups.getByRole("button", { name: "Drop…" }).first().click();
    await page.getByLabel("Why they can go").fill("made by a test");
    await inDialog("See what would happen").click();
    await inDialog(/^Drop \d/).click();
    await told("They are being dropped");
    await until("they are dropped", async () => {
      const { data } = await call<{ data: { dropped: number }[] }>("GET", "/admin/dead-letters");
      return data.some(({ dropped }) => dropped > 0);
    });
  });

  test("a delivery that failed is seen with its attempts and sent again", async () => {
    const { page } = opened;
    await until("a delivery was tried", async () => received > 0);
    answers.status = 204;
    const before_again = received;
    await go("deliveries");
    const table = page.getByRole("table", { name: "Deliveries" });
    await table.waitFor();
    await shoot("deliveries");
    await table.getByRole("button").first().click();
    await page.getByRole("table", { name: "Attempts" }).waitFor();
    await shoot("delivery");
    await inDialog("Send again…").click();
    await inDialog("Send again").click();
    await told("on its way again");
    await until("it was sent again", async () => received > before_again);
  });

  test("a replay is previewed, started and compared", async () => {
    const { page } = opened;
    await go("replays/new");
    await page.getByLabel("At most so many", { exact: true }).fill("20");
    await shoot("replay-new");
    await button("Preview").click();
    await told("It is being previewed");
    await button("Start…").waitFor({ timeout: 60_000 });
    await button("Start…").click();
    await page.getByRole("dialog").getByText("are run again with what is recorded").waitFor();
    await shoot("replay-start");
    await inDialog("Start").click();
    await told("on its way");
    await page.locator(".stat-value", { hasText: "completed" }).waitFor({ timeout: 60_000 });
    await page.getByText("Compared").waitFor();
    await shoot("replay");
    const { data } = await call<{ data: { id: string; totals: { selected: number } }[] }>("GET", "/admin/replays");
    assert.ok((data[0]?.totals.selected ?? 0) > 0);
    await go("replays");
    await page.getByRole("table", { name: "Replays" }).getByText("completed", { exact: true }).waitFor();
    await shoot("replays");
  });

  test("a tenant's key sees its own jobs and deliveries, and none of the others", async () => {
    const own = await browser.open();
    try {
      await signIn(own.page, pipeline.gateway_url, await pipeline.createKey("demo"));
      const menu = own.page.getByRole("navigation", { name: "Pages", exact: true });
      await menu.getByRole("link", { name: "Jobs" }).click();
      await own.page.getByRole("table", { name: "Jobs" }).waitFor();
      await menu.getByRole("link", { name: "Deliveries" }).click();
      await own.page.getByRole("table", { name: "Deliveries" }).waitFor();
      for (const hidden of ["Cache", "Routing", "Dead letters", "Replays"]) {
        assert.equal(await menu.getByRole("link", { name: hidden }).count(), 0, hidden);
      }
    } finally {
      await own.close();
    }
  });
});
