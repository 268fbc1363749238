/** What calls are charged before their tokens are known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenForecast } from "../../../../services/inference/limits/forecast.ts";

const LIMIT = 100_000;

/** A forecast that has seen calls use this part of their estimates. */
function taught(part: number): TokenForecast {
  const forecast = new TokenForecast();
  for (let at = 0; at < 500; at += 1) {
    forecast.open(1_000, forecast.charge(1_000, LIMIT));
    forecast.settle(1_000, 1_000 * part);
  }
  return forecast;
}

test("the estimate at first, then what calls use of theirs, also when that is more", () => {
  assert.equal(new TokenForecast().charge(4_000, LIMIT), 4_000);
  assert.equal(taught(0.25).charge(4_000, LIMIT), 1_000);
  assert.equal(taught(1.5).charge(4_000, LIMIT), 6_000);
  assert.equal(taught(0.25).charge(4_000, undefined), 4_000);
});

test("what calls in flight may use beyond their charges never passes a minute's limit", () => {
  const forecast = taught(0.1);
  let beyond = 0;
  for (let at = 0; at < 1_000; at += 1) {
    const charged = forecast.charge(1_000, LIMIT);
    forecast.open(1_000, charged);
    beyond += 1_000 - charged;
  }
  assert.ok(beyond <= LIMIT && beyond > LIMIT * 0.99, `${beyond}`);
  assert.equal(forecast.charge(1_000, LIMIT), 1_000);
  assert.equal(taught(0.1).charge(1_000, LIMIT, LIMIT), 1_000, "with those that are asked for together");
});

test("charges less what came back are what was used, in whatever order calls end", () => {
  const call = fc.record({
    estimated: fc.nat(5_000),
    used: fc.double({ min: 0, max: 2, noNaN: true }),
    made: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), fc.nat(20), (calls, in_flight) => {
      const forecast = new TokenForecast();
      let level = 0;
      let used = 0;
      const end = ({ estimated, used: part, made }: (typeof calls)[number]): void => {
        used += made ? estimated * part : 0;
        level += made ? forecast.settle(estimated, estimated * part) : forecast.cancel(estimated);
      };
      for (const [at, one] of calls.entries()) {
        const charged = forecast.charge(one.estimated, LIMIT);
        level -= charged;
        forecast.open(one.estimated, charged);
        const earlier = calls[at - in_flight];
        if (earlier !== undefined) end(earlier);
      }
      for (const one of calls.slice(Math.max(0, calls.length - in_flight))) end(one);
      assert.ok(Math.abs(level + used) < 1e-3, `${level} ${used}`);
    }),
  );
});

test("a call of unknown use keeps its charge and teaches nothing", () => {
  const forecast = taught(0.25);
  forecast.open(4_000, forecast.charge(4_000, LIMIT));
  assert.equal(forecast.settle(4_000, undefined), 0);
  assert.equal(forecast.charge(4_000, LIMIT), 1_000);
});
