/** What a log never prints, whoever forgets. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SluiceError } from "../../../libs/shared/errors.ts";
import { createLog, type LogFields, type LogLevel, silentLog } from "../../../libs/shared/log.ts";

function logged(
  fields: LogFields,
  level: LogLevel = "debug",
): { readonly text: string; readonly line: Record<string, unknown> } {
  const chunks: string[] = [];
  const log = createLog("test", level, { write: (chunk) => void chunks.push(chunk) });
  log.info(fields, "said");
  const text = chunks.join("");
  return { text, line: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

const SECRET = "never-to-be-seen";

describe("a log line", () => {
  test("is one JSON object with service, time, level and message", () => {
    const { text, line } = logged({ id: "r1", count: 3 });
    assert.equal(text.split("\n").length, 2);
    const { time, ...rest } = line;
    assert.deepEqual(rest, { level: "info", service: "test", id: "r1", count: 3, msg: "said" });
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
  });

  for (const name of [
    ...["api_key", "apiKey", "authorization", "password", "secret", "token", "key"],
    ...["body", "messages", "input", "prompt", "response", "content", "value"],
  ]) {
    test(`never holds ${name}, at the top or one level down`, () => {
      for (const fields of [{ [name]: SECRET }, { [name]: [{ content: SECRET }] }, { request: { [name]: SECRET } }]) {
        const { text } = logged(fields);
        assert.doesNotMatch(text, new RegExp(SECRET));
        assert.match(text, /\[redacted\]/);
      }
    });
  }

  test("has an error's name, code, message and stack, and nothing else of it", () => {
    const cause = new Error(SECRET);
    const error = Object.assign(new SluiceError("internal_error", "it broke", { cause }), { config: { auth: SECRET } });
    const { text, line } = logged({ error });
    assert.doesNotMatch(text, new RegExp(SECRET));
    const { stack, ...rest } = line["error"] as Record<string, unknown>;
    assert.deepEqual(rest, { name: "SluiceError", code: "internal_error", message: "it broke" });
    assert.match(String(stack), /log\.test\.ts/);
  });

  test("takes what is thrown and is no error", () => {
    assert.deepEqual(logged({ error: "text" }).line["error"], { message: "text" });
  });

  test("is left out below its level", () => {
    assert.equal(logged({}, "warn").text, "");
    assert.equal(logged({}, "silent").text, "");
    for (const level of ["debug", "info", "warn", "error"] as const) silentLog[level]({ SECRET }, "nothing");
  });

  test("stays one line whatever a stranger's text holds", () => {
    const { text, line } = logged({ id: 'a\n{"level":"error"}\r\u2028' });
    assert.equal(text.trimEnd().split("\n").length, 1);
    assert.equal(line["id"], 'a\n{"level":"error"}\r\u2028');
  });
});
