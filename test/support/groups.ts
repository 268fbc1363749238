/** Who holds which partitions of a consumer group. */
import kafkajs, { type Kafka } from "kafkajs";

/** The partitions of each member, as `topic/number`; empty while the group is between two generations. */
export async function groupMembers(kafka: Kafka, group: string): Promise<string[][]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { groups } = await admin.describeGroups([group]);
    const found = groups[0];
    if (found?.state !== "Stable") return [];
    return found.members.map(({ memberAssignment }) => {
      if (memberAssignment.length === 0) return [];
      const assignment = kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {};
      return Object.entries(assignment).flatMap(([topic, numbers]) => numbers.map((number) => `${topic}/${number}`));
    });
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
