/** The console in a browser, over a whole pipeline: signing in, what is shown, what is set, by mouse, by keys and on a phone. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { fitsWidth, NO_BROWSER, type Opened, signIn, TestBrowser } from "../support/browser.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { until } from "../support/until.ts";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
/** So that a stream can be watched. */
const SLOW_TOKEN_MS = 200;

describe("the console", { skip: NO_BROWSER }, () => {
  let pipeline: Pipeline;
  let browser: TestBrowser;
  let ids: readonly string[];

  const submit = (id: string, content: string, more: object = {}) =>
    fetch(`${pipeline.gateway_url}/v1/requests`, {
      method: "POST",
      headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
      body: JSON.stringify({ id, body: { messages: [{ role: "user", content }], ...more } }),
    });

  /** Opens a window, signs in, and fails where the page complains. */
  const within = async (
    key: string,
    options: Parameters<TestBrowser["open"]>[0],
    work: (page: Page, opened: Opened) => Promise<void>,
  ): Promise<void> => {
    const opened = await browser.open(options);
    try {
      await signIn(opened.page, pipeline.gateway_url, key);
      await work(opened.page, opened);
    } catch (error) {
      await opened.screenshot("console-failed");
      throw error;
    }
    await opened.close();
  };

  const title = (page: Page, name: string) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

  before(async () => {
    [pipeline, browser] = await Promise.all([startPipeline({ name: "console" }), TestBrowser.launch()]);
    ids = ["one", "two", "three"].map((name) => pipeline.id(name));
    await pipeline.createKey("demo");
    for (const [at, id] of ids.entries()) await submit(id, `What is record ${at}?`);
    await pipeline.resultsOf(ids);
  });

  after(async () => {
    await browser?.stop();
    await pipeline?.stop();
  });

  test("is served whole, for ever where it cannot change, and asks for a key that is one", async () => {
    const page_reply = await fetch(`${pipeline.gateway_url}/console`);
    assert.equal(page_reply.status, 200);
    assert.match(page_reply.headers.get("content-security-policy") ?? "", /default-src 'none'.*script-src 'self'/);
    const html = await page_reply.text();
    assert.doesNotMatch(html, /<script(?![^>]* src=)|<style|https?:\/\/(?!www\.w3\.org)/);
    const [, script = ""] = /src="([^"]+\.js)"/.exec(html) ?? [];
    const asset = await fetch(`${pipeline.gateway_url}${script}`);
    assert.match(asset.headers.get("cache-control") ?? "", /immutable/);
    const etag = asset.headers.get("etag") ?? "";
    const again = await fetch(`${pipeline.gateway_url}${script}`, { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);

    const { page, screenshot, close } = await browser.open();
    await page.goto(`${pipeline.gateway_url}/console/budgets`);
    await page.getByLabel("API key").fill("slc_0000000000_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This API key is not valid.").waitFor();
    await screenshot("console-sign-in");
    await page.getByLabel("API key").fill(pipeline.admin_key);
    await page.keyboard.press("Enter");
    // Where the person wanted to go.
    await title(page, "Budgets and limits");
    assert.equal(await page.evaluate("JSON.stringify({ ...localStorage })"), "{}");
    await page.reload();
    await title(page, "Budgets and limits");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("API key").waitFor();
    assert.equal(await page.evaluate("sessionStorage.length"), 0);
    await close();
  });

  test("shows an administrator how the pipeline does, by day and by night", async () => {
    await within(pipeline.admin_key, { colorScheme: "dark" }, async (page, { screenshot }) => {
      await title(page, "Overview");
      await page.getByText("Results a second").waitFor();
      await page.locator(".uplot").first().waitFor();
      await page.getByText("with nothing to do").click();
      await page.getByRole("cell", { name: pipeline.names.requests, exact: true }).first().waitFor();
      assert.equal(await page.evaluate("document.documentElement.dataset.theme"), "dark");
      await screenshot("console-overview-dark");
      await page.getByRole("button", { name: /^Colours/ }).click();
      await until("the colours are light", () =>
        page.evaluate<boolean>("document.documentElement.dataset.theme === 'light'"),
      );
      await screenshot("console-overview-light");
    });
  });

  test("says what limits the pipeline, for keys and on a phone", async () => {
    await within(pipeline.admin_key, PHONE, async (page, { screenshot }) => {
      await title(page, "Overview");
      await page.keyboard.press("g");
      await page.keyboard.press("a");
      await title(page, "Advice");
      await page.getByRole("heading", { name: /^pipeline: nothing limits$/ }).waitFor();
      await page.getByRole("table", { name: "Stages" }).getByText("inference.small", { exact: true }).waitFor();
      assert.ok(await fitsWidth(page), "advice");
      await screenshot("console-advice-phone");
    });
  });

  test("finds a request of any tenant and shows its whole way", async () => {
    const [id = ""] = ids;
    await within(pipeline.admin_key, {}, async (page, { screenshot }) => {
      await page.getByRole("link", { name: "Requests", exact: true }).click();
      await title(page, "Requests");
      await page.getByRole("link", { name: ids[1] as string }).waitFor();
      await page.getByLabel("Id", { exact: true }).fill(id);
      await until("the others are gone", async () => (await page.getByRole("row").count()) === 2);
      assert.ok(page.url().includes(`id=${id}`), "the search stands in the address");
      await screenshot("console-requests");
      await page.getByRole("link", { name: id }).click();
      await page.getByRole("heading", { name: "Answer" }).waitFor();
      await page.getByRole("heading", { name: "Its way" }).waitFor();
      await page.getByText("admitted", { exact: true }).waitFor();
      await screenshot("console-request");
      await page.goBack();
      await title(page, "Requests");
      assert.equal(await page.getByLabel("Id", { exact: true }).inputValue(), id);
    });
  });

  test("shows a request as it goes, and cancels one", async () => {
    await pipeline.setMock({ itl_ms: SLOW_TOKEN_MS });
    const [live, unwanted] = [pipeline.id("live"), pipeline.id("unwanted")];
    try {
      await within(pipeline.admin_key, {}, async (page, { screenshot }) => {
        await submit(live, "Tell a story that is long enough to be watched", { stream: true });
        await page.goto(`${pipeline.gateway_url}/console/requests/demo/${live}`);
        const tokens = page.getByRole("log", { name: "The answer as it comes" });
        await tokens.waitFor();
        const before_text = await tokens.textContent();
        await until("more of the answer is there", async () => (await tokens.textContent()) !== before_text);
        await screenshot("console-live");
        await submit(unwanted, "Tell another story of the same length", { stream: true });
        await page.goto(`${pipeline.gateway_url}/console/requests/demo/${unwanted}`);
        await page.getByRole("log", { name: "The answer as it comes" }).waitFor();
        await page.getByRole("button", { name: "Cancel", exact: true }).click();
        await page.getByRole("button", { name: "Cancel it" }).click();
        await page.getByText("cancelled", { exact: true }).first().waitFor();
      });
    } finally {
      await pipeline.setMock({ itl_ms: 0 });
    }
    const results = await pipeline.resultsOf([live, unwanted]);
    assert.equal(results.get(unwanted)?.[0]?.status, "cancelled");
  });

  test("sets a budget, which holds, and says who did", async () => {
    await within(pipeline.admin_key, {}, async (page, { screenshot }) => {
      await page.getByRole("link", { name: "Budgets", exact: true }).click();
      const day = page.getByRole("table", { name: "Budgets of demo" }).getByRole("row", { name: /^Day/ });
      await day.getByRole("button", { name: "Set cap" }).click();
      await page.getByLabel("Cap in US dollars").fill("0");
      await page.keyboard.press("Enter");
      await page.getByText("Day of demo: $0").waitFor();
      await day.getByText("$0 *").waitFor();
      await screenshot("console-budgets");
    });
    const id = pipeline.id("refused");
    await until("the cap is heard of", async () => {
      const one = `${id}-${Date.now()}`;
      await submit(one, `Is there room for ${one}?`);
      return (await pipeline.resultsOf([one])).get(one)?.[0]?.status === "rejected";
    });
    assert.match(pipeline.log("gateway"), /"act":"budget\.set".*"tenant":"demo"/);
    await within(pipeline.admin_key, {}, async (page) => {
      await page.goto(`${pipeline.gateway_url}/console/budgets`);
      const day = page.getByRole("table", { name: "Budgets of demo" }).getByRole("row", { name: /^Day/ });
      await day.getByRole("button", { name: "Set cap" }).click();
      await page.getByLabel("No cap").check();
      await page.getByRole("dialog").getByRole("button", { name: "Set cap" }).click();
      await page.getByText("Day of demo: no cap").waitFor();
    });
  });

  test("shows a tenant its own and nothing else", async () => {
    await within(pipeline.api_key, {}, async (page, { screenshot }) => {
      await title(page, "Requests");
      await page.getByRole("link", { name: ids[2] as string }).waitFor();
      assert.equal(await page.getByRole("link", { name: "Overview" }).count(), 0);
      await page.getByRole("link", { name: "Budgets", exact: true }).click();
      await page.getByRole("table", { name: "Budgets of demo" }).waitFor();
      assert.equal(await page.getByRole("button", { name: "Set cap" }).count(), 0);
      await screenshot("console-tenant");
      await page.getByRole("link", { name: "Usage", exact: true }).click();
      await title(page, "Usage");
      await page.getByRole("table", { name: "Usage by day" }).getByRole("row").nth(1).waitFor();
      await page
        .getByRole("img", { name: /^Spend a day/ })
        .locator("canvas")
        .waitFor();
      await page.getByLabel("Told apart by").selectOption("status");
      await page.getByRole("table", { name: "Usage by part" }).getByText("succeeded", { exact: true }).waitFor();
      assert.ok(page.url().includes("by=status"));
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name: "Save as CSV" }).click();
      assert.equal((await saved).suggestedFilename(), "usage.csv");
      await screenshot("console-usage");
      await page.setViewportSize({ width: 390, height: 844 });
      assert.ok(await fitsWidth(page), "usage fits a phone");
      await page.setViewportSize({ width: 1_280, height: 900 });
      await page.goto(`${pipeline.gateway_url}/console/requests/${ids[2]}`);
      await page.getByRole("heading", { name: "Its way" }).waitFor();
    });
    const refused = await fetch(`${pipeline.gateway_url}/admin/overview`, {
      headers: { authorization: `Bearer ${pipeline.api_key}` },
    });
    assert.equal(refused.status, 403);
  });

  test("what callers wrote is shown as text, whatever it is, and stays in its place", async () => {
    const hostile = `<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>\u202eright to left\u2066 ${"x".repeat(5_000)}`;
    const id = pipeline.id("hostile");
    const long = `${pipeline.id("long")}-${"i".repeat(120)}`;
    await submit(id, hostile, { user: "<b>user</b>\u202e" });
    await submit(long, "Has it a long id?");
    await pipeline.produce([{ value: `{"id": "${hostile}` }]);
    await pipeline.resultsOf([id, long]);
    await pipeline.deadLetters(1);
    await within(pipeline.admin_key, {}, async (page, { screenshot }) => {
      const fits = async (what: string): Promise<void> => {
        assert.ok(await fitsWidth(page), what);
        await page.setViewportSize({ width: 390, height: 844 });
        assert.ok(await fitsWidth(page), `${what}, on a phone`);
        await page.setViewportSize({ width: 1_280, height: 900 });
        assert.equal(await page.evaluate("globalThis.pwned"), undefined, what);
      };
      await page.goto(`${pipeline.gateway_url}/console/requests`);
      await page.getByRole("link", { name: long }).waitFor();
      await fits("requests");
      await screenshot("console-hostile-requests");
      for (const one of [id, long]) {
        await page.goto(`${pipeline.gateway_url}/console/requests/demo/${one}`);
        await page.getByRole("heading", { name: "Its way" }).waitFor();
        await page.getByText("The whole Result").click();
        await fits("a request");
        await screenshot(`console-hostile-${one === id ? "request" : "long-id"}`);
      }
      await page.goto(`${pipeline.gateway_url}/console/dead-letters`);
      await page.getByRole("table", { name: "Dead letters by reason" }).getByRole("link").first().click();
      await page.getByRole("table", { name: "Dead letters" }).getByRole("link").first().click();
      await page.getByText("A redrive would do").waitFor();
      await fits("a dead letter");
      await screenshot("console-hostile-letter");
    });
  });

  test("can be used by keys alone", async () => {
    await within(pipeline.admin_key, {}, async (page) => {
      await title(page, "Overview");
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate("document.activeElement.textContent.trim()"), "Skip to the page");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate("document.activeElement.id"), "main");
      await page.keyboard.press("g");
      await page.keyboard.press("r");
      await title(page, "Requests");
      await page.getByRole("link", { name: ids[0] as string }).waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type(ids[0] as string);
      await until("one is left", async () => (await page.getByRole("row").count()) === 2);
      for (let tabs = 0; tabs < 30; tabs += 1) {
        await page.keyboard.press("Tab");
        if ((await page.evaluate("document.activeElement.textContent")) === ids[0]) break;
      }
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Answer" }).waitFor();
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "detached" });
    });
  });

  test("fits a phone", async () => {
    await within(pipeline.admin_key, PHONE, async (page, { screenshot }) => {
      await page.locator(".uplot").first().waitFor();
      assert.ok(await fitsWidth(page), "overview");
      await screenshot("console-phone-overview");
      await page.getByRole("button", { name: "Overview" }).tap();
      await page.getByRole("link", { name: "Requests", exact: true }).tap();
      await page.getByRole("link", { name: ids[0] as string }).waitFor();
      assert.ok(await fitsWidth(page), "requests");
      await screenshot("console-phone-requests");
      await page.getByRole("link", { name: ids[0] as string }).tap();
      await page.getByRole("heading", { name: "Its way" }).waitFor();
      assert.ok(await fitsWidth(page), "a request");
      await page.goto(`${pipeline.gateway_url}/console/budgets`);
      await page.getByText("plan default").first().waitFor();
      assert.ok(await fitsWidth(page), "budgets");
      await screenshot("console-phone-budgets");
    });
  });
});
