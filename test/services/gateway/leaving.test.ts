/** Who waits for which request, and when its leaving cancels it. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { WaitingCompany } from "../../../services/gateway/leaving.ts";
import { NAMES } from "../../support/memory-ports.ts";
import { type Fixture, KEY, listening } from "./gateway-fixture.ts";

describe("a company of callers", () => {
  test("is left with a cancel by its last, unless one wanted the request finished", () => {
    const company = new WaitingCompany();
    const first = company.join("t", "r", "cancel");
    const second = company.join("t", "r", "cancel");
    assert.equal(first.leave(), "others_or_finish");
    assert.equal(first.leave(), "others_or_finish");
    assert.equal(second.leave(), "last_to_cancel");
    const third = company.join("t", "r", "finish");
    const fourth = company.join("t", "r", "cancel");
    assert.deepEqual([third.leave(), fourth.leave()], ["others_or_finish", "others_or_finish"]);
    assert.equal(company.join("t", "r", "cancel").leave(), "last_to_cancel");
    assert.equal(company.join("t", "other", "cancel").leave(), "last_to_cancel");
  });
});

let open: Fixture | undefined;
afterEach(() => open?.close());

test("one of several who wait under one idempotency key does not cancel it for the others", async () => {
  const ids: string[] = [];
  open = await listening(({ id }) => void ids.push(id));
  const { url, publisher, waiting, pipe } = open;
  const headers = {
    ...{ authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    ...{ "idempotency-key": "k", "x-sluice-on-disconnect": "cancel" },
  };
  const body = JSON.stringify({ messages: [{ role: "user", content: "hi" }] });
  const ask = (signal?: AbortSignal) =>
    fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body, ...(signal === undefined ? {} : { signal }) });
  const leaver = new AbortController();
  const left = ask(leaver.signal).catch(() => "left");
  const stays = ask();
  while (waiting.count < 2) await new Promise(setImmediate);
  leaver.abort();
  assert.equal(await left, "left");
  while (waiting.count > 1) await new Promise(setImmediate);
  assert.equal(publisher.values(NAMES.control).length, 0);
  pipe.end(ids[0] as string, { response: { fine: true } });
  assert.deepEqual(await (await stays).json(), { fine: true });
});
