import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import fc from "fast-check";
import type { OutRecord } from "../../../libs/shared/kafka/ports.ts";
import { SimulatedCluster } from "../../../tools/simulate/cluster.ts";
import type { Assignment } from "../../../tools/simulate/group.ts";
import { partitionOf } from "../../../tools/simulate/log.ts";
import { ProtocolError, type ProtocolErrorType } from "../../../tools/simulate/protocol.ts";
import { Trace } from "../../../tools/simulate/trace.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";

let clock: VirtualClock;
let cluster: SimulatedCluster;

beforeEach(() => {
  clock = new VirtualClock();
  const trace = new Trace(() => clock.now_ms(), false);
  cluster = new SimulatedCluster({ clock, trace, rebalance_timeout_ms: 1_000, record_bytes_max: 100 });
  cluster.log.createTopic("in", 4);
  cluster.log.createTopic("out", 1);
});

const out = (value: string): OutRecord => ({ topic: "out", key: "k", value: Buffer.from(value) });
const read = (): string[] => cluster.log.visible("out").map(({ value }) => String(value));
const passUntil = (ms: number) => clock.run(() => false, START_MS + ms);

function refused(type: ProtocolErrorType, work: () => unknown): void {
  assert.throws(work, (error) => error instanceof ProtocolError && error.type === type);
}

function join(
  group: string,
  member = "",
  joined: (assignment: Assignment) => void = () => undefined,
  nudge = () => undefined,
) {
  return cluster.group(group).join({ member, topics: ["in"], joined, nudge });
}

test("a transaction is read once it is committed, as a whole, and its marker takes an offset", () => {
  const holder = cluster.transactions.init("id");
  cluster.transactions.produce(holder, [out("a"), out("b")], 1_000);
  cluster.log.append(out("after"));
  assert.deepEqual(read(), [], "nothing past the last stable offset");
  cluster.transactions.end(holder, true);
  assert.deepEqual(read(), ["a", "b", "after"]);
  cluster.log.append(out("later"));
  assert.deepEqual(
    cluster.log.visible("out").map(({ offset }) => offset),
    [0, 1, 2, 4],
  );
});

test("an aborted transaction is never read, and its offsets never count", () => {
  const holder = cluster.transactions.init("id");
  cluster.transactions.produce(holder, [out("a")], 1_000);
  cluster.transactions.addOffsets(holder, cluster.group("g"), [{ topic: "in", partition: 0, offset: 3 }], 1_000);
  cluster.transactions.end(holder, false);
  cluster.log.append(out("b"));
  assert.deepEqual(read(), ["b"]);
  assert.equal(cluster.group("g").committed({ topic: "in", partition: 0 }), undefined);
});

test("a commit of offsets in a transaction needs no generation (there is no KIP-447)", () => {
  join("g");
  const holder = cluster.transactions.init("id");
  cluster.transactions.addOffsets(holder, cluster.group("g"), [{ topic: "in", partition: 0, offset: 3 }], 1_000);
  cluster.transactions.end(holder, true);
  assert.equal(cluster.group("g").committed({ topic: "in", partition: 0 })?.offset, 3);
});

test("a new holder of a transactional id ends what the old one left and fences it", () => {
  const zombie = cluster.transactions.init("id");
  cluster.transactions.produce(zombie, [out("zombie")], 1_000);
  const holder = cluster.transactions.init("id");
  refused("INVALID_PRODUCER_EPOCH", () => cluster.transactions.produce(zombie, [out("more")], 1_000));
  refused("INVALID_PRODUCER_EPOCH", () => cluster.transactions.end(zombie, true));
  cluster.transactions.produce(holder, [out("mine")], 1_000);
  cluster.transactions.end(holder, true);
  assert.deepEqual(read(), ["mine"]);
});

test("a transaction left open is aborted at its time-out, and its holder fenced", async () => {
  const holder = cluster.transactions.init("id");
  cluster.transactions.produce(holder, [out("a")], 1_000);
  cluster.log.append(out("b"));
  await passUntil(999);
  assert.deepEqual(read(), []);
  await passUntil(1_001);
  assert.deepEqual(read(), ["b"]);
  refused("INVALID_PRODUCER_EPOCH", () => cluster.transactions.end(holder, true));
});

test("members share the partitions; a commit under a generation that is past is refused", () => {
  const seen = new Map<string, Assignment>();
  const keep = (name: string) => (assignment: Assignment) => void seen.set(name, assignment);
  const group = cluster.group("g");
  const one = join("g", "", keep("one"));
  assert.deepEqual(
    seen.get("one")?.partitions.map(({ partition }) => partition),
    [0, 1, 2, 3],
  );
  const two = join("g", "", keep("two"));
  assert.equal(seen.has("two"), false, "the first has not joined again");
  refused("REBALANCE_IN_PROGRESS", () => group.heartbeat(one, 1));
  group.commit(one, 1, [{ topic: "in", partition: 0, offset: 1 }]);
  join("g", one, keep("one"));
  refused("ILLEGAL_GENERATION", () => group.commit(one, 1, [{ topic: "in", partition: 0, offset: 2 }]));
  group.commit(two, 2, [{ topic: "in", partition: 1, offset: 9, metadata: "m" }]);
  assert.deepEqual(group.committed({ topic: "in", partition: 1 }), { offset: 9, metadata: "m" });
  assert.equal(group.committed({ topic: "in", partition: 0 })?.offset, 1);
  const all = [...seen.values()].flatMap(({ partitions }) => partitions.map(({ partition }) => partition));
  assert.deepEqual(all.sort(), [0, 1, 2, 3]);
  refused("OFFSET_METADATA_TOO_LARGE", () =>
    group.commit(two, 2, [{ topic: "in", partition: 1, offset: 9, metadata: "m".repeat(4_097) }]),
  );
});

test("a member that does not join again in time is out, and its commits are refused", async () => {
  const group = cluster.group("g");
  const late = join("g");
  let generation = 0;
  join("g", "", (assignment) => {
    generation = assignment.generation;
    assert.equal(assignment.partitions.length, 4);
  });
  await passUntil(1_001);
  assert.equal(generation, 2);
  refused("UNKNOWN_MEMBER_ID", () => group.commit(late, 1, []));
  refused("UNKNOWN_MEMBER_ID", () => join("g", late));
});

test("a member whose session times out makes room", async () => {
  const silent = join("g");
  cluster.expire("g", silent, 500);
  await passUntil(501);
  assert.equal(cluster.group("g").members, 0);
});

test("a record that is too large is refused", () => {
  refused("MESSAGE_TOO_LARGE", () => cluster.log.append(out("x".repeat(101))));
});

test("the same key is always in the same partition", () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 50 }), (key, partitions) => {
      const number = partitionOf(key, partitions);
      assert.ok(number >= 0 && number < partitions);
      assert.equal(partitionOf(Buffer.from(key), partitions), number);
    }),
  );
});

test("readers by small steps see what one reader sees at once, whatever was committed or aborted", () => {
  const step = fc.oneof(fc.constant("plain" as const), fc.constant("commit" as const), fc.constant("abort" as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 300 }), (list, bytes_max) => {
      cluster.log.createTopic("out", 1);
      const expected: string[] = [];
      for (const [index, kind] of list.entries()) {
        if (kind === "plain") cluster.log.append(out(String(index)));
        else {
          const holder = cluster.transactions.init(`id-${index % 3}`);
          cluster.transactions.produce(holder, [out(String(index))], 1_000);
          cluster.transactions.end(holder, kind === "commit");
        }
        if (kind !== "abort") expected.push(String(index));
      }
      const partition = cluster.log.partition("out", 0);
      const found: string[] = [];
      for (let offset = 0; offset < partition.end; ) {
        const { records, next } = partition.read(offset, bytes_max);
        assert.ok(next > offset);
        found.push(...records.map(({ value }) => String(value)));
        offset = next;
      }
      assert.deepEqual(found, expected);
      assert.deepEqual(read(), expected);
    }),
  );
});
