/** Which chat requests share a beginning, and in what order they leave. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { orderByGroup, prefixOf } from "../../../../services/inference/batching/prefix.ts";

const system = { role: "system", content: "You are brief." };
const developer = { role: "developer", content: "Answer in JSON." };
const user = { role: "user", content: "hi" };
const tools = [{ type: "function", function: { name: "look" } }];

describe("the prefix", () => {
  const same = prefixOf({ messages: [system, developer, user] });
  const rows: readonly (readonly [what: string, body: Record<string, unknown>, equal: boolean])[] = [
    ["does not see the user's messages", { messages: [system, developer, { role: "user", content: "other" }] }, true],
    ["does not see other fields", { messages: [system, developer], temperature: 1 }, true],
    ["ends at the first other message", { messages: [system, developer, user, system] }, true],
    ["has every leading message", { messages: [system, user, developer] }, false],
    ["has their order", { messages: [developer, system, user] }, false],
    ["has the tools", { messages: [system, developer, user], tools }, false],
  ];
  for (const [what, body, equal] of rows) test(what, () => assert.equal(prefixOf(body) === same, equal));

  test("is empty where there is nothing to share", () => {
    assert.equal(prefixOf({ messages: [user, system] }), "");
    for (const messages of [undefined, null, "x", [], [null], [3]]) assert.equal(prefixOf({ messages }), "");
    assert.notEqual(prefixOf({ messages: [user], tools }), "");
  });
});

describe("the order", () => {
  test("keeps groups together in order of their first arrival, and lone ones where they came", () => {
    const members = ["a1", "b1", "-1", "a2", "-2", "b2", "a3"];
    const order = orderByGroup(members, (member) => (member.startsWith("-") ? "" : member.charAt(0)));
    assert.deepEqual(order, ["a1", "a2", "a3", "b1", "b2", "-1", "-2"]);
  });

  test("is a permutation, adjacent and stable", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("", "a", "b", "c")), (groups) => {
        const members = groups.map((group, at) => ({ group, at }));
        const order = orderByGroup(members, ({ group }) => group);
        assert.deepEqual(new Set(order), new Set(members));
        assert.equal(order.length, members.length);
        const heads: number[] = [];
        for (const [place, { group, at }] of order.entries()) {
          const before = order[place - 1];
          if (before === undefined || group === "" || before.group !== group) {
            // A group begins only once, with its first arrival.
            if (group !== "") assert.equal(at, groups.indexOf(group));
            heads.push(at);
          } else assert.ok(before.at < at);
        }
        assert.deepEqual(
          heads,
          heads.toSorted((one, other) => one - other),
        );
      }),
    );
  });
});
