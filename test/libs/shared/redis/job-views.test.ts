/** The message that wakes a waiting caller. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseReply, replyMessage } from "../../../../libs/shared/redis/job-views.ts";

const RESULT = '{"id":"r1"}\n';
const sent = (rate_room?: string) =>
  parseReply(replyMessage({ tenant: "demo", id: "r1", rate_room }, Buffer.from(RESULT)).toString());

describe("a reply message", () => {
  test("brings the result to its caller, and what is left of the limits where that is known", () => {
    assert.deepEqual(sent(), { tenant: "demo", id: "r1", result: RESULT });
    assert.deepEqual(sent("r=9,8,7"), { tenant: "demo", id: "r1", result: RESULT, rate_room: "r=9,8,7" });
  });

  test("is not broken by a header that somebody else wrote", () => {
    assert.deepEqual(sent("a b\n{}"), { tenant: "demo", id: "r1", result: RESULT });
  });
});
