import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { firstKey, groupByServer } from "../../../../../libs/shared/redis/cluster/grouping.ts";

test("a command's first key, wherever it stands", () => {
  const scripts = new Map<string, number | undefined>([
    ["fixed", 2],
    ["counted", undefined],
  ]);
  assert.equal(firstKey(["get", "k"], scripts), "k");
  assert.equal(firstKey(["eval", "return 1", 1, "k", "a"], scripts), "k");
  assert.equal(firstKey(["eval", "return 1", 0, "a"], scripts), undefined);
  assert.equal(firstKey(["call", "SET", "k", "v"], scripts), "k");
  assert.equal(firstKey(["call", "PUBLISH", "channel", "v"], scripts), undefined);
  assert.equal(firstKey(["fixed", "k", "l", "a"], scripts), "k");
  assert.equal(firstKey(["counted", 2, "k", "l", "a"], scripts), "k");
  assert.equal(firstKey(["counted", "0", "a"], scripts), undefined);
  assert.equal(firstKey(["publish", "channel", "word"], scripts), undefined);
});

const servers = fc.array(fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }), { maxLength: 40 });

test("every command goes to its server, once, in its order; one for any server with the one before it", () => {
  fc.assert(
    fc.property(servers, (asked) => {
      const groups = groupByServer(asked, "a");
      const numbers = [...groups.values()].flat();
      assert.deepEqual(
        numbers.toSorted((one, other) => one - other),
        [...asked.keys()],
      );
      for (const [server, of_server] of groups) {
        assert.deepEqual(
          of_server,
          of_server.toSorted((one, other) => one - other),
        );
        for (const at of of_server) {
          const own = asked[at];
          if (own !== undefined) assert.equal(own, server);
          else if (at > 0) assert.ok(of_server.includes(at - 1));
        }
      }
    }),
  );
});

test("of one server it is the pipeline as it was", () => {
  assert.deepEqual([...groupByServer([undefined, "a", undefined, "a"], "b")], [["a", [0, 1, 2, 3]]]);
  assert.deepEqual([...groupByServer<string>([], "b")], []);
});
