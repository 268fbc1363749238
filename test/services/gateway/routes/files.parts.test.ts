/** The Files API with OpenAI's own client, on a real Postgres and a folder. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import Fastify, { type FastifyInstance } from "fastify";
import OpenAI, { APIError, toFile } from "openai";
import { DiskFiles } from "../../../../libs/shared/files/disk.ts";
import { PostgresFiles } from "../../../../libs/shared/files/postgres-files.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { fileRoutes } from "../../../../services/gateway/routes/files.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";
import { until } from "../../../support/until.ts";

const START_MS = 1_800_000_000_000;
const SETTINGS = {
  bytes_max: 300_000,
  tenant_bytes_max: 500_000,
  keep_days: 30,
  uploads_max: 2,
};
const KEYS = { a: makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1)), b: makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 2)) };

describe("the Files API", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  let folder: string;
  let app: FastifyInstance;
  let url: string;
  let now_ms: number;
  const keys = new KeyRing();
  for (const [tenant, { id, hash }] of Object.entries(KEYS)) {
    keys.apply({ id, record: { kind: "key", id, tenant, hash, scopes: ["submit", "read"], created_ms: 0 } });
  }
  const clientOf = (tenant: keyof typeof KEYS) =>
    new OpenAI({ apiKey: KEYS[tenant].key, baseURL: `${url}/v1`, maxRetries: 0 });
  const uploadText = async (text: string, name = "a.jsonl") =>
    clientOf("a").files.create({ file: await toFile(Buffer.from(text), name), purpose: "batch" });
  const stored = () =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  const rows = async (table: string) => (await database.pool.query(`SELECT FROM ${table}`)).rowCount;
  const nothingIsLeft = async () =>
    assert.deepEqual([stored(), await rows("sluice_files"), await rows("sluice_file_removals")], [0, 0, 0]);
  const form = (body: FormData | string, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/files`, { method: "POST", body, headers: { authorization: `Bearer ${KEYS.a.key}`, ...headers } });
  /** Sent by hand, and never to its end. */
  const halfAnUpload = (): Socket => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const head = `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEYS.a.key}\r\ncontent-length: 200000\r\n`;
    socket.write(`${head}content-type: multipart/form-data; boundary=x\r\n\r\n`);
    socket.write(`--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${"x".repeat(100_000)}`);
    return socket;
  };
  const errorOf = async (reply: Response) => ((await reply.json()) as { error: Record<string, string> }).error;
  const refusedWith = (status: number, code: string, message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof APIError);
    assert.deepEqual([error.status, error.code], [status, code]);
    assert.match(error.message, message);
    return true;
  };

  before(async () => {
    database = await createDatabase("fileroutes");
    await migrate(database.pool);
  });
  beforeEach(async () => {
    await database.pool.query("TRUNCATE sluice_files, sluice_file_removals");
    now_ms = START_MS;
    folder = mkdtempSync(join(tmpdir(), "sluice-files-"));
    const clock = { now_ms: () => now_ms, after: () => ({ cancel() {} }) };
    const files = new PostgresFiles({ pool: database.pool, storage: new DiskFiles(folder), settings: SETTINGS, clock });
    // Far less than a file may have: uploads are not bound by it.
    app = Fastify({ bodyLimit: 1_000 });
    fileRoutes({ keys, files, settings: SETTINGS, clock })(app);
    url = await app.listen({ port: 0, host: "127.0.0.1" });
  });
  afterEach(async () => {
    await app.close();
    rmSync(folder, { recursive: true });
  });
  after(() => database.drop());

  test("OpenAI's client uploads, looks at, downloads and deletes a file", async () => {
    const text = '{"custom_id":"ä"}\n'.repeat(10_000);
    const client = clientOf("a");
    const file = await uploadText(text, "Über “alles”.jsonl");
    assert.deepEqual(file, {
      ...{ id: file.id, object: "file", bytes: Buffer.byteLength(text), created_at: START_MS / 1_000 },
      ...{
        expires_at: START_MS / 1_000 + 30 * 86_400,
        filename: "Über “alles”.jsonl",
        purpose: "batch",
        status: "processed",
      },
    });
    assert.deepEqual(await client.files.retrieve(file.id), file);
    assert.deepEqual(await client.files.waitForProcessing(file.id), file);
    const content = await client.files.content(file.id);
    assert.equal(
      content.headers.get("content-disposition"),
      "attachment; filename=\"_ber _alles_.jsonl\"; filename*=UTF-8''%C3%9Cber%20%E2%80%9Calles%E2%80%9D.jsonl",
    );
    assert.equal(await content.text(), text);
    assert.deepEqual(await client.files.delete(file.id), { id: file.id, object: "file", deleted: true });
    await assert.rejects(client.files.retrieve(file.id), refusedWith(404, "not_found", /no such file/));
    await nothingIsLeft();
  });

  test("an upload says when it expires", async () => {
    const expires_after = { anchor: "created_at", seconds: 7_200 } as const;
    const file = await toFile(Buffer.from("x"), "x");
    // Either order: the client sends the fields as they are written here.
    for (const body of [
      { file, expires_after, purpose: "user_data" },
      { expires_after, purpose: "user_data", file },
    ] as const) {
      const created = await clientOf("a").files.create(body);
      assert.deepEqual([created.expires_at, created.purpose], [START_MS / 1_000 + 7_200, "user_data"]);
    }
  });

  test("lists in pages that the client follows by itself", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) {
      now_ms += 1_000;
      ids.push((await uploadText("x")).id);
    }
    for (const order of ["asc", "desc"] as const) {
      const seen: string[] = [];
      for await (const { id } of clientOf("a").files.list({ limit: 2, order, purpose: "batch" })) seen.push(id);
      assert.deepEqual(seen, order === "asc" ? ids : ids.toReversed());
    }
    const page = await clientOf("a").files.list({ limit: 2 });
    assert.deepEqual([page.has_more, page.data.length], [true, 2]);
    assert.deepEqual((await clientOf("a").files.list({ purpose: "fine-tune" })).data, []);
    assert.deepEqual((await clientOf("b").files.list()).data, []);
    for (const query of [{ after: "file-none" }, { after: "a\0b" }, { limit: 0 }, { order: "up" as "asc" }]) {
      const [name = ""] = Object.keys(query);
      await assert.rejects(
        clientOf("a").files.list(query),
        refusedWith(400, "invalid_request", new RegExp(`^400 ${name}: `)),
      );
    }
  });

  test("another tenant's file is not there, whatever is asked of it", async () => {
    const { id } = await uploadText("x");
    const other = clientOf("b").files;
    for (const call of [() => other.retrieve(id), () => other.content(id), () => other.delete(id)]) {
      await assert.rejects(call, refusedWith(404, "not_found", /no such file/));
    }
    await assert.rejects(other.list({ after: id }), refusedWith(400, "invalid_request", /no such file/));
    const reply = await fetch(`${url}/v1/files/${id}`);
    assert.deepEqual([reply.status, (await errorOf(reply))["code"]], [401, "api_key_missing"]);
    assert.equal(stored(), 1);
  });

  test("what is too large is refused with the limit's name, and nothing of it is kept", async () => {
    for (const bytes of [300_001, 2_000_000]) {
      await assert.rejects(
        uploadText("x".repeat(bytes)),
        refusedWith(413, "file_too_large", /300000 bytes \(files\.bytes_max\)/),
      );
    }
    // Without a length that could be looked at before.
    const body = new FormData();
    body.append("purpose", "batch");
    body.append("file", new Blob(["x".repeat(1_000_000)]), "a");
    const encoded = new Response(body);
    const init = { duplex: "half", method: "POST", body: encoded.body } as RequestInit;
    const headers = {
      authorization: `Bearer ${KEYS.a.key}`,
      "content-type": String(encoded.headers.get("content-type")),
    };
    const reply = await fetch(`${url}/v1/files`, { ...init, headers });
    assert.equal(reply.status, 413);
    await nothingIsLeft();
    await uploadText("x".repeat(300_000));
    await assert.rejects(
      uploadText("x".repeat(250_000)),
      refusedWith(413, "file_too_large", /files\.tenant_bytes_max/),
    );
    assert.equal(stored(), 1);
  });

  test("a form that is wrong says how, and nothing of it is kept", async () => {
    const file = new File(["x".repeat(100_000)], "a.jsonl");
    const entries: [RegExp, [string, string | File][]][] = [
      [/^purpose: /, [["file", file]]],
      [
        /^purpose: must be batch or user_data/,
        [
          ["file", file],
          ["purpose", "fine-tune"],
        ],
      ],
      [/^file: is missing/, [["purpose", "batch"]]],
      [/^purpose: must be/, []],
      [
        /^document: the file goes/,
        [
          ["purpose", "batch"],
          ["document", file],
        ],
      ],
      [
        /^size: there is no such field/,
        [
          ["purpose", "batch"],
          ["size", "1"],
          ["file", file],
        ],
      ],
      [
        /^purpose: is given twice/,
        [
          ["purpose", "batch"],
          ["file", file],
          ["purpose", "batch"],
        ],
      ],
      [
        /one file/,
        [
          ["purpose", "batch"],
          ["file", file],
          ["file", file],
        ],
      ],
      [
        /^expires_after\[seconds\]: /,
        [
          ["purpose", "batch"],
          ["expires_after[anchor]", "created_at"],
          ["file", file],
        ],
      ],
      [
        /^expires_after\[seconds\]: /,
        [
          ["expires_after[seconds]", "60"],
          ["purpose", "batch"],
          ["file", file],
        ],
      ],
      [
        /may have 1000 bytes/,
        [
          ["purpose", "b".repeat(2_000)],
          ["file", file],
        ],
      ],
      [
        /not allowed as field name/,
        [
          ["__proto__", "x"],
          ["file", file],
        ],
      ],
      [/fields/, [["file", file], ...Array.from({ length: 20 }, (_, index): [string, string] => [`f${index}`, ""])]],
    ];
    for (const [message, fields] of entries) {
      const body = new FormData();
      for (const [name, value] of fields) body.append(name, value);
      const reply = await form(body);
      assert.equal(reply.status, 400, String(message));
      assert.match(String((await errorOf(reply))["message"]), message);
      await nothingIsLeft();
    }
    const json = await form("{}", { "content-type": "application/json" });
    assert.deepEqual([json.status, /multipart/.test(String((await errorOf(json))["message"]))], [400, true]);
    for (const text of [
      "",
      "no form at all",
      '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of it',
    ]) {
      const reply = await form(text, { "content-type": "multipart/form-data; boundary=x" });
      assert.equal(reply.status, 400, text);
    }
    assert.equal((await form("", { "content-type": "multipart/form-data" })).status, 400);
    await nothingIsLeft();
  });

  test("an upload whose sender goes away leaves nothing, and its place to the next", async () => {
    for (let round = 0; round < 3; round++) {
      const socket = halfAnUpload();
      await until("bytes are coming in", () => stored() === 1);
      socket.destroy();
      await until("nothing is left", async () => stored() === 0 && (await rows("sluice_file_removals")) === 0);
    }
    assert.equal((await uploadText("x")).bytes, 1);
  });

  test("beyond so many at once an upload is asked to come again", async () => {
    const open = [halfAnUpload(), halfAnUpload()];
    await until("two are under way", () => stored() === 2);
    await assert.rejects(uploadText("x"), refusedWith(503, "overloaded", /try again/));
    for (const socket of open) socket.destroy();
    await until("their places are free", () => stored() === 0);
    await uploadText("x");
  });

  test("downloads ranges, and nothing that a browser would show", async () => {
    const { id } = await uploadText("0123456789", 'a"\r\nset-cookie: x=<b>.html');
    const get = (range?: string) =>
      fetch(`${url}/v1/files/${id}/content`, {
        headers: { authorization: `Bearer ${KEYS.a.key}`, ...(range && { range }) },
      });
    const whole = await get();
    assert.deepEqual(
      [whole.status, whole.headers.get("content-type"), whole.headers.get("x-content-type-options")],
      [200, "application/octet-stream", "nosniff"],
    );
    assert.match(String(whole.headers.get("content-disposition")), /^attachment; /);
    assert.equal(whole.headers.get("set-cookie"), null);
    for (const [range, status, text, said] of [
      ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
      ["bytes=8-", 206, "89", "bytes 8-9/10"],
      ["bytes=-3", 206, "789", "bytes 7-9/10"],
      ["bytes=5-99", 206, "56789", "bytes 5-9/10"],
      ["bytes=0-1,3-4", 200, "0123456789", null],
      ["lines=1-2", 200, "0123456789", null],
    ] as const) {
      const reply = await get(range);
      assert.deepEqual(
        [reply.status, await reply.text(), reply.headers.get("content-range")],
        [status, text, said],
        range,
      );
    }
    const beyond = await get("bytes=10-");
    assert.deepEqual([beyond.status, beyond.headers.get("content-range")], [416, "bytes */10"]);
    const empty = await uploadText("");
    assert.equal(await (await clientOf("a").files.content(empty.id)).text(), "");
  });
});
