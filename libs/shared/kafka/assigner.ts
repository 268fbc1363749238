/** The co-partitioning assignment as kafkajs asks for it: the group's leader runs it for all members. */
import kafkajs, { type PartitionAssigner } from "kafkajs";
import { coPartition } from "./co-partitioning.ts";

// CommonJS: not all of its exports are named for an ES module.
const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;

/** The consumer protocol's version: 0 carries topics and partitions, and no more. */
const VERSION = 0;
/** All members of a group must know the protocol by this name. */
const NAME = "SluiceCoPartitioning";

export const coPartitioning: PartitionAssigner = ({ cluster }) => ({
  name: NAME,
  version: VERSION,
  async assign({ members, topics }) {
    const known = members.map(({ memberId, memberMetadata }) => ({
      id: memberId,
      topics: MemberMetadata.decode(memberMetadata)?.topics ?? topics,
    }));
    const held = coPartition(known, (topic) =>
      // A topic that another member reads and this one does not know is assigned when a member that knows it leads.
      topics.includes(topic) ? cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId) : [],
    );
    return [...held].map(([memberId, partitions]) => {
      const by_topic = Map.groupBy(partitions, ({ topic }) => topic);
      const assignment = Object.fromEntries(
        [...by_topic].map(([topic, of_topic]) => [topic, of_topic.map(({ partition }) => partition)]),
      );
      return {
        memberId,
        memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData: Buffer.alloc(0) }),
      };
    });
  },
  protocol: ({ topics }) => ({
    name: NAME,
    metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.alloc(0) }),
  }),
});
