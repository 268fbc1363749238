/** The cache on real topics, by the command line as a user calls it: looked at and purged, with a router that does as it is told. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { type CliContext, openContext, ROOT, registerSchemas } from "../../cli/context.ts";
import { cacheEntryOut, cacheTombstoneOut } from "../../libs/shared/cache/entry-records.ts";
import { selectorMatch } from "../../libs/shared/cache/selector.ts";
import type { CacheEntryHead } from "../../libs/shared/events/cache.ts";
import { readControl } from "../../libs/shared/events/control.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import { RedisCacheAnswers } from "../../libs/shared/redis/cache-answers-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { entryOf } from "../libs/shared/cache/entries.ts";

type Run = { readonly code: number; readonly out: string; readonly err: string };

const NOW_MS = Date.now();
const HOUR_MS = 3_600_000;
const key_prefix = `cache-${process.pid}:`;
const env: Record<string, string | undefined> = { ...process.env };
let context: CliContext;
let producer: BatchingProducer;
let router: TopicReader;
let redis: ReturnType<typeof connectRedis>;
let answers: RedisCacheAnswers;

function sluice(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const argv = [join(ROOT, "cli/sluice.ts"), "cache", ...args];
    execFile(process.execPath, argv, { env, cwd: ROOT, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
  });
}

async function json(...args: readonly string[]) {
  const { out, err } = await sluice(...args, "--json");
  return JSON.parse(out || err);
}

const made = (hours_ago: number): Partial<CacheEntryHead> => {
  const created_ms = NOW_MS - hours_ago * HOUR_MS;
  return { created_ms, expires_ms: created_ms + 1_000 * HOUR_MS };
};
const ENTRIES: readonly CacheEntryHead[] = [
  entryOf({ entry_id: "aa11", ...made(1), request_id: "req-7" }),
  entryOf({ entry_id: "aa22", ...made(2), text: "When do you open?", label: "faq" }),
  entryOf({ entry_id: "bb33", ...made(200), tenant: "acme", namespace: "n2", text: "When do you close?" }),
];
const response = Buffer.from(JSON.stringify({ choices: [{ message: { content: "At nine." } }] }));

before(async () => {
  const settings = await readFile(join(ROOT, "sluice.yaml"), "utf8");
  env["SLUICE_SETTINGS"] = join(await mkdtemp(join(tmpdir(), "sluice-cache-")), "sluice.yaml");
  const own = settings.replace("prefix: llm.", `prefix: cache-${process.pid}.`);
  // Without an embedding model: it is fetched by `up`.
  const ours = `\nredis: { key_prefix: "${key_prefix}" }\ncache: { semantic: { enabled: false } }\n`;
  await writeFile(env["SLUICE_SETTINGS"], `${own}${ours}`);
  await new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, "cli/sluice.ts"), "topics"], { env, cwd: ROOT }, resolve);
  });
  context = await openContext(env);
  await registerSchemas(context);
  producer = new BatchingProducer(context.kafka, context.settings.producer);
  await producer.connect();
  await producer.publish(ENTRIES.map((entry) => cacheEntryOut(context.codec, context.names.cache, entry, response)));
  redis = connectRedis(context.environment.redis.nodes[0] ?? "", "test", context.log, key_prefix);
  await redisReady(redis, 5_000);
  answers = new RedisCacheAnswers(redis);
  router = obedientRouter();
  await router.start();
});
after(async () => {
  await router.stop();
  await producer.close();
  redis.disconnect();
});

/** Takes away what it is told to; but for acme's, which it does not know of. */
function obedientRouter(): TopicReader {
  return new TopicReader(context.kafka, {
    topic: context.names.control,
    from: { kind: "beginning" },
    until_end: false,
    async records(records) {
      for (const record of records) {
        const event = await readControl(context.codec, record);
        if (event?.kind !== "invalidate") continue;
        const meant = selectorMatch(event.selector, event.at_ms);
        const gone = ENTRIES.filter((entry) => entry.tenant !== "acme" && meant(entry));
        await producer.publish(gone.map((entry) => cacheTombstoneOut(context.names.cache, entry)));
      }
    },
  });
}

test("entries are listed, summed up and shown", async () => {
  const { entries, matched } = await json("ls");
  assert.deepEqual(
    entries.map((entry: CacheEntryHead) => entry.entry_id),
    ["aa11", "aa22", "bb33"],
  );
  assert.equal(matched, 3);
  const faq = await json("ls", "--namespace", "faq", "--pattern", "(?i)OPEN");
  assert.deepEqual(
    faq.entries.map((entry: CacheEntryHead) => entry.entry_id),
    ["aa22"],
  );
  assert.match((await sluice("ls", "--limit", "1")).err, /2 more/);
  const stats = await json("stats");
  assert.deepEqual([stats.total.entries, stats.total.semantic, stats.ages.older], [3, 3, 1]);
  const shown = await json("show", "aa1");
  assert.equal(shown.request_id, "req-7");
  assert.deepEqual(shown.response, JSON.parse(response.toString()));
  assert.match((await sluice("show", "bb33")).out, /answer: At nine\./);
  assert.equal((await sluice("show", "aa")).code, 2);
  assert.equal((await sluice("show", "zz")).code, 2);
});

test("a purge names what would go and changes nothing; confirmed, it is told once and waited for", async () => {
  const dry = await json("purge", "--tenant", "demo", "--older-than", "90m");
  assert.deepEqual([dry.done, dry.matched, dry.samples[0].question], [false, 1, "When do you open?"]);
  assert.equal((await json("ls")).matched, 3);
  const done = await json("purge", "--tenant", "demo", "--older-than", "90m", "--yes", "--why", "moved");
  assert.deepEqual([done.done, done.matched, done.gone], [true, 1, 1]);
  const { out, code } = await sluice("purge", "--id", "aa1", "--yes");
  assert.match(out, /1 of 1 entries are gone/);
  assert.equal(code, 0);
  assert.equal((await json("ls")).matched, 1);
});

test("nothing that matches is no failure, what is left is one, and everything needs a word of its own", async () => {
  const none = await sluice("purge", "--id", "aa11", "--yes");
  assert.deepEqual([none.code, none.out], [0, "nothing matches\n"]);
  const left = await sluice("purge", "--tenant", "acme", "--yes", "--wait", "300ms");
  assert.equal(left.code, 1);
  assert.match(left.out, /0 of 1 entries are gone/);
  assert.equal((await sluice("purge", "--all", "--yes", "--no-wait")).code, 0);
  const bare = await sluice("purge", "--yes");
  assert.equal(bare.code, 2);
  assert.match(bare.err, /nothing says which entries/);
});

test("warmed entries are on the topic and in Redis under the same names each time", async () => {
  const file = join(dirname(env["SLUICE_SETTINGS"] ?? ""), "faq.jsonl");
  const rows = [
    { prompt: "Do you ship abroad?", answer: "Yes." },
    { prompt: "Do you ship abroad?", answer: "No." },
  ];
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const warm = ["warm", "--tenant", "demo", "--file", file, "--ttl", "2h", "--namespace", "warmed"];
  const first = await json(...warm);
  assert.deepEqual([first.written, first.duplicates], [1, [{ line: 2, first: 1 }]]);
  assert.equal((await json(...warm)).written, 1);
  const { entries } = await json("ls", "--namespace", "warmed");
  assert.equal(entries.length, 1);
  const [{ entry_id, tenant, expires_ms, created_ms, request_id }] = entries;
  assert.deepEqual([request_id, expires_ms - created_ms], ["warmed", 2 * HOUR_MS]);
  const [sight] = await answers.look([{ tenant, entry_id }]);
  assert.equal(JSON.parse(sight?.answer?.response.toString() ?? "").choices[0].message.content, "Yes.");

  await writeFile(file, `${JSON.stringify({ prompt: "new", answer: "x" })}\n{"prompt": 1}\n`);
  const bad = await sluice(...warm);
  assert.equal(bad.code, 1);
  assert.match(bad.err, /line 2: /);
  assert.equal((await json("ls", "--namespace", "warmed")).matched, 1);
});
