/** On real parts: topics are created once and left as they are, and what is written can be followed, read again and filtered. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../cli/context.ts";

type Run = { readonly code: number; readonly out: string; readonly err: string };

/** Settings of a pipeline of its own on the shared parts. */
async function ownSettings(): Promise<string> {
  const run = randomUUID().slice(0, 8);
  const file = join(await mkdtemp(join(tmpdir(), "sluice-cli-")), "sluice.yaml");
  const text = await readFile(join(ROOT, "sluice.yaml"), "utf8");
  await writeFile(
    file,
    text.replace("prefix: llm.", `prefix: "t${run}."`).concat(`\nconsumption: { group_prefix: "t${run}." }\n`),
  );
  return file;
}

function sluice(settings: string, ...args: readonly string[]): Promise<Run> {
  const env = { ...process.env, SLUICE_SETTINGS: settings };
  return new Promise((resolve) => {
    const argv = [join(ROOT, "cli", "sluice.ts"), ...args];
    const child = execFile(process.execPath, argv, { env, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
    child.stdin?.end();
  });
}

test("topics, send and tail", { timeout: 120_000 }, async () => {
  const settings = await ownSettings();
  const dry = JSON.parse((await sluice(settings, "topics", "--dry-run", "--json")).out);
  assert.deepEqual(dry.created, []);
  assert.equal(dry.missing.length, dry.topics.length);
  const first = JSON.parse((await sluice(settings, "topics", "--json")).out);
  assert.deepEqual(first.created.toSorted(), dry.missing.toSorted());
  const second = JSON.parse((await sluice(settings, "topics", "--json")).out);
  assert.deepEqual([second.created, second.missing], [[], []]);
  assert.ok(second.topics.every(({ differences }: { differences: unknown[] }) => differences.length === 0));

  const sent = await sluice(settings, "send", "--id", "one", "--session", "s", "Hello there");
  assert.deepEqual([sent.code, sent.out], [0, "one\n"]);
  const batch = await sluice(settings, "send", "--lane", "batch", "--json", "first", "second");
  assert.equal(batch.out.trim().split("\n").length, 2);

  const read = await sluice(settings, "tail", "requests", "--no-follow", "--json");
  assert.equal(read.code, 0, read.err);
  const record = JSON.parse(read.out);
  assert.equal(record.key, "s");
  assert.deepEqual(record.value, {
    tenant: "demo",
    session: "s",
    id: "one",
    body: { messages: [{ role: "user", content: "Hello there" }] },
  });
  const filtered = await sluice(settings, "tail", "requests.batch", "--no-follow", "--grep", "SECOND", "--json");
  assert.equal(JSON.parse(filtered.out).value.body.messages[0].content, "second");
  assert.equal((await sluice(settings, "tail", "requests", "--from", "latest", "--no-follow")).out, "");
  assert.equal((await sluice(settings, "tail", "no-such-topic")).code, 2);

  // Nobody answers here.
  const waited = await sluice(settings, "send", "--wait", "--timeout", "1s", "--json", "Hello?");
  assert.equal(waited.code, 1, waited.err);
  assert.equal(JSON.parse(waited.err.trim().split("\n").at(-1) ?? "").summary.unanswered, 1);
});
