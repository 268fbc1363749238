/** A load run over a whole pipeline: both doors, sessions, faults on a schedule, the record, the report, and what llm.results says of it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { RunRecord } from "../../cli/load/record.ts";
import { NO_BROWSER, TestBrowser } from "../support/browser.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";

const SCENARIO = `
door: topic
phases:
  - { duration: 10s, rate: 12 }
timeout: 20s
templates:
  - { name: question, weight: 4, prompt_tokens: 40, output_tokens: 10 }
  - { name: nightly, weight: 1, prompt_tokens: 40, output_tokens: 10, lane: batch }
  - { name: stream, weight: 3, door: http-stream, prompt_tokens: 40, output_tokens: 10 }
  - { name: whole, weight: 1, door: http, prompt_tokens: 40, output_tokens: 10 }
  - { name: vectors, weight: 1, door: http, kind: embeddings, prompt_tokens: 20 }
  - { name: talk, weight: 2, door: topic, prompt_tokens: 20, output_tokens: 5, session: { turns: 3, think: 200ms } }
faults:
  - { name: refusals, at: 3s, for: 3s, set: { fault_rate: 1, faults: ["400"] } }
`;

type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

describe("sluice load", () => {
  let pipeline: Pipeline;
  let dir: string;
  let record: RunRecord;
  let first: Ran;

  const sluice = (args: readonly string[]): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [join(ROOT, "cli", "sluice.ts"), "load", ...args], {
        env: { ...pipeline.env, SLUICE_DIR: dir },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let [out, err] = ["", ""];
      child.stdout.on("data", (chunk) => {
        out += chunk;
      });
      child.stderr.on("data", (chunk) => {
        err += chunk;
      });
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, out, err }));
    });
  const target = (): string[] => [
    ...["--gateway", pipeline.gateway_url, "--mock", pipeline.mock_url, "--key", pipeline.api_key],
  ];
  const readRecord = (name: string): RunRecord => JSON.parse(readFileSync(join(dir, name, "run.json"), "utf8"));

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "sluice-load-"));
    pipeline = await startPipeline({ name: "load" });
    writeFileSync(join(dir, "small.yaml"), SCENARIO);
    first = await sluice([join(dir, "small.yaml"), ...target(), "--out", join(dir, "one"), "--json"]);
    assert.ok(first.code === 0, first.err);
    record = readRecord("one");
  });
  after(async () => {
    await pipeline?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  test("accounts for every request", () => {
    const { asked, sent, not_sent, answered, failed, timed_out, interrupted } = record.recorded.counts;
    assert.ok(asked > 100, `${asked}`);
    assert.equal(asked, sent + not_sent);
    assert.equal(sent, answered + failed + timed_out + interrupted);
    assert.equal(timed_out, 0);
    assert.equal(JSON.parse(first.out).counts.sent, sent);
    const { sessions_begun, sessions_ended, sessions_broken } = record.recorded.counts;
    assert.ok(sessions_ended > 0);
    assert.equal(sessions_begun, sessions_ended + sessions_broken);
  });

  test("has the faults of the schedule, then leaves the mock as it was", async () => {
    const { failed } = record.recorded.counts;
    const codes = Object.entries(record.recorded.errors);
    assert.ok(failed > 5, JSON.stringify(codes));
    assert.equal(
      codes.reduce((sum, [, count]) => sum + count, 0),
      failed,
    );
    const faults = (await (await fetch(`${pipeline.mock_url}/mock/faults`)).json()) as { fault_rate: number };
    assert.equal(faults.fault_rate, 0);
  });

  test("measures tokens, the pipeline's own time and cost", () => {
    const { first_token, between_tokens, latency, from_sent, pipeline: inside, cost, session_cost } = record.figures;
    assert.ok((between_tokens?.count ?? 0) > 0);
    for (const figure of [first_token, latency, from_sent, inside, cost, session_cost]) {
      assert.ok(figure !== undefined && figure.count > 0 && figure.p50 > 0, JSON.stringify(record.figures));
    }
    assert.equal(latency?.count, record.recorded.counts.answered);
    assert.equal(inside?.count, record.recorded.counts.topic_answered);
    assert.ok((first_token?.p50 ?? 0) <= (latency?.max ?? 0));
    assert.match(record.versions.settings_sha256, /^[0-9a-f]{64}$/);
    assert.ok(record.versions.tiers["small"]?.models.length);
    assert.ok(record.target.is_mock);
  });

  test("agrees with llm.results", async () => {
    const { code, out, err } = await sluice(["verify", join(dir, "one"), "--json"]);
    assert.equal(code, 0, `${out}${err}`);
    const verdict = JSON.parse(out);
    assert.equal(verdict.missing, 0);
    assert.equal(verdict.found.results, record.recorded.counts.topic_sent);
    for (const { apart, percentile } of verdict.agreements) assert.ok(apart <= 0.02, `${percentile}: ${apart}`);
  });

  test("runs by two processes, and compares", async () => {
    const again = await sluice([
      ...[join(dir, "small.yaml"), ...target(), "--out", join(dir, "two"), "--json"],
      ...["--workers", "2", "--duration", "5s", "--rate", "10"],
    ]);
    assert.equal(again.code, 0, again.err);
    const { counts } = readRecord("two").recorded;
    assert.equal(counts.sent, counts.answered + counts.failed + counts.timed_out);
    assert.ok(counts.answered > 0);
    const runs = [join(dir, "one"), join(dir, "two")];
    const compared = await sluice(["--compare", ...runs, "--json", "--max-p95-increase", "100000%"]);
    assert.equal(compared.code, 0, compared.err);
    assert.ok(JSON.parse(compared.out).comparison.differs.includes("how the scenario was scaled"));
    const same = await sluice(["--compare", ...runs, "--max-error-increase", "0%", "--max-p95-increase", "0%"]);
    assert.ok(same.code === 0 || same.code === 5);
  });

  test("refuses what it must not load", async () => {
    const away = await sluice([
      join(dir, "small.yaml"),
      "--gateway",
      "http://sluice.example.com",
      "--key",
      pipeline.api_key,
    ]);
    assert.equal(away.code, 2);
    assert.match(away.err, /not this machine/);
    const paid = await sluice([join(dir, "small.yaml"), "--gateway", pipeline.gateway_url, "--key", pipeline.api_key]);
    assert.equal(paid.code, 2);
    assert.match(paid.err, /bundled mock/);
    const other = await sluice([...[join(dir, "small.yaml"), ...target()], "--mock", pipeline.gateway_url]);
    assert.equal(other.code, 2);
    assert.match(other.err, /not the bundled mock/);
  });

  test("has a report that needs nothing else", { skip: NO_BROWSER }, async () => {
    const html = readFileSync(join(dir, "one", "report.html"), "utf8");
    assert.doesNotMatch(html, /<(?:script|link|img)[^>]+(?:src|href)=/);
    const browser = await TestBrowser.launch();
    try {
      for (const look of [{}, { colorScheme: "dark" as const, viewport: { width: 390, height: 844 } }]) {
        const { page, screenshot, close } = await browser.open(look);
        await page.setContent(html);
        await page.locator("#distribution canvas").waitFor();
        assert.equal(await page.locator(".plots canvas").count(), 6);
        const wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
        assert.equal(wide, false, "it scrolls sideways");
        await screenshot(`load-report${"viewport" in look ? "-phone" : ""}`);
        await close();
      }
    } finally {
      await browser.stop();
    }
  });
});
