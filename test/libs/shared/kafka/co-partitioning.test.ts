import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import kafkajs, { type Cluster, type Logger } from "kafkajs";
import { coPartitioning } from "../../../../libs/shared/kafka/assigner.ts";
import { coPartition } from "../../../../libs/shared/kafka/co-partitioning.ts";
import { partitionId } from "../../../../libs/shared/kafka/ports.ts";

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;
const TOPICS = ["jobs", "jobs.batch"];

test("every partition has one holder, a topic and its twin are held together, and numbers are spread evenly", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 30 }),
      (ids, partitions, twin_partitions) => {
        const counts: Record<string, number> = { jobs: partitions, "jobs.batch": twin_partitions };
        const partitionsOf = (topic: string) => [...Array(counts[topic] ?? 0).keys()];
        const members = ids.map((id) => ({ id, topics: TOPICS }));
        const held = coPartition(members, partitionsOf);
        const all = [...held.values()].flat().map(partitionId);
        assert.equal(new Set(all).size, partitions + twin_partitions);
        assert.equal(all.length, partitions + twin_partitions);
        const holderOf = new Map([...held].flatMap(([id, of]) => of.map((tp) => [partitionId(tp), id])));
        for (let number = 0; number < Math.min(partitions, twin_partitions); number += 1) {
          assert.equal(holderOf.get(`jobs/${number}`), holderOf.get(`jobs.batch/${number}`));
        }
        for (const topic of TOPICS) {
          const shares = [...held.values()].map((of) => of.filter((tp) => tp.topic === topic).length);
          assert.ok(Math.max(...shares) - Math.min(...shares) <= 1, shares.join());
        }
        assert.deepEqual(coPartition([...members].reverse(), partitionsOf), held, "whatever the order of the members");
      },
    ),
  );
});

test("a topic goes to those that read it", () => {
  const held = coPartition(
    [
      { id: "old", topics: ["jobs"] },
      { id: "new", topics: TOPICS },
    ],
    () => [0, 1],
  );
  assert.deepEqual(held.get("old"), [{ topic: "jobs", partition: 1 }]);
  assert.deepEqual(held.get("new")?.map(partitionId), ["jobs/0", "jobs.batch/0", "jobs.batch/1"]);
});

test("says it in kafkajs's words: what a member sends of itself comes back to the leader, and goes out as an assignment", async () => {
  const cluster = { findTopicPartitionMetadata: () => [{ partitionId: 0 }, { partitionId: 1 }] } as unknown as Cluster;
  const assigner = coPartitioning({ cluster, groupId: "g", logger: undefined as unknown as Logger });
  const { name, metadata } = assigner.protocol({ topics: TOPICS });
  assert.equal(name, assigner.name);
  assert.deepEqual(MemberMetadata.decode(metadata)?.topics, TOPICS);
  const members = ["b", "a", "c"].map((memberId) => ({ memberId, memberMetadata: metadata }));
  const assigned = await assigner.assign({ members, topics: TOPICS });
  const decoded = assigned.map(({ memberId, memberAssignment }) => [
    memberId,
    { ...MemberAssignment.decode(memberAssignment)?.assignment },
  ]);
  assert.deepEqual(Object.fromEntries(decoded), {
    a: { jobs: [0], "jobs.batch": [0] },
    b: { jobs: [1], "jobs.batch": [1] },
    c: {},
  });
});
