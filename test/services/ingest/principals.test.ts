/** Who may name which tenant. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { principalProblem } from "../../../services/ingest/principals.ts";

const PRINCIPALS = { header: "x-principal", bind: { "User:acme": ["acme", "acme-dev"], "User:gateway": ["demo"] } };

const rows: readonly (readonly [what: string, principal: string | undefined, tenant: string, allowed: boolean])[] = [
  ["a bound principal, its tenant", "User:acme", "acme", true],
  ["a bound principal, its other tenant", "User:acme", "acme-dev", true],
  ["a bound principal, another's tenant", "User:acme", "demo", false],
  ["a principal that is not bound", "User:who", "demo", false],
  ["no principal", undefined, "demo", false],
  ["a name of every object", "constructor", "demo", false],
];

describe("a producer", () => {
  for (const [what, principal, tenant, allowed] of rows) {
    test(`${what}: ${allowed ? "allowed" : "refused"}`, () => {
      const headers = principal === undefined ? {} : { "x-principal": principal };
      const problem = principalProblem(PRINCIPALS, headers, tenant);
      assert.equal(problem === undefined, allowed);
      if (problem !== undefined) assert.deepEqual([problem.code, problem.param], ["principal_not_allowed", "tenant"]);
    });
  }

  test("is taken at its word where nothing is bound", () => {
    assert.equal(principalProblem(undefined, {}, "demo"), undefined);
  });
});
