/** OpenAI's own client for Python, unchanged but for its `base_url`, on the real pipeline: `python/openai_client.py` has the checks. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { BODY_BYTES_MAX, startClientPipeline } from "../support/clients/pipeline.ts";
import { ROOT } from "../support/pipeline.ts";

const run = promisify(execFile);

/** Where `.ci/run` puts packages; whoever has the client elsewhere is fine too. */
const PYTHONPATH = [join(ROOT, ".sluice", "python"), process.env["PYTHONPATH"]].filter(Boolean).join(":");
const ENV = { ...process.env, PYTHONPATH, PYTHONDONTWRITEBYTECODE: "1" };
const WAIT_MS = 240_000;

type Check = { readonly check: string; readonly ok: boolean; readonly error?: string };

const there = await run("python3", ["-c", "import openai"], { env: ENV }).then(
  () => true,
  () => false,
);

describe("openai for Python", { skip: !there && "Python's openai is not importable" }, () => {
  test("every check passes", async (t) => {
    const on = await startClientPipeline("openai-python");
    try {
      const { pipeline, base_url, limited_key, reader_key } = on;
      const { api_key, mock_url } = pipeline;
      const keys = { api_key, limited_key, reader_key };
      const given = { base_url, ...keys, mock_url, body_bytes_max: BODY_BYTES_MAX, tag: pipeline.id("python") };
      const script = join(ROOT, "test", "e2e", "python", "openai_client.py");
      const { stdout } = await run("python3", [script, JSON.stringify(given)], { env: ENV, timeout: WAIT_MS });
      const checks = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Check);
      assert.ok(checks.length > 0);
      for (const { check, ok, error } of checks) await t.test(check, () => assert.ok(ok, error));
    } finally {
      await on.stop();
    }
  });
});
