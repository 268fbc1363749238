/** `GET /desired` and what KEDA asks. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answerDesired, type Desired, type DesiredTarget } from "../../../../libs/shared/scaling/desired.ts";

const target = (service: string, desired: number, tier?: string): DesiredTarget => ({
  ...{ service, ...(tier && { tier }), desired, replicas: 1, wanted: desired, reason: "steady", why: "" },
  load: { lag_records: 0, oldest_age_ms: 0, arrivals_per_s: 0, utilisation: 0 },
});
const known: Desired = {
  at_ms: 7,
  targets: [target("router", 2), target("inference", 3, "small"), target("inference", 1, "a b")],
};

describe("what is asked of the scaler", () => {
  test("is all of it, or the number of one target", () => {
    assert.deepEqual(answerDesired("/desired", known), { status: 200, body: known });
    assert.deepEqual(answerDesired("/desired/router", known), { status: 200, body: { desired: 2 } });
    assert.deepEqual(answerDesired("/desired/inference/small", known), { status: 200, body: { desired: 3 } });
    assert.deepEqual(answerDesired("/desired/inference/a%20b", known), { status: 200, body: { desired: 1 } });
  });

  test("of a target that is none names those that are", () => {
    for (const path of ["/desired/nobody", "/desired/inference", "/desired/inference/large", "/desired/%E0%A4%A"]) {
      const reply = answerDesired(path, known);
      assert.equal(reply?.status, 404, path);
      assert.match(JSON.stringify(reply?.body), /router, inference\/small/);
    }
  });

  test("before anything is decided is told to keep what there is", () => {
    assert.equal(answerDesired("/desired", undefined)?.status, 503);
    assert.equal(answerDesired("/desired/router", undefined)?.status, 503);
  });

  test("is nobody else's path", () => {
    for (const path of ["/", "/desiredly", "/metrics", "/desired/a/b/c"])
      assert.equal(answerDesired(path, known), undefined);
  });
});
