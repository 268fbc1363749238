/**
 * Who of a group gets which partitions. Pure. Partition number p of every topic goes to the same member, so that a topic and its
 * `.batch` twin are held together: what a member knows of a partition's rate limits or sessions is known for both lanes.
 */
import type { TopicPartition } from "./ports.ts";

export type GroupMember = { readonly id: string; readonly topics: readonly string[] };

/**
 * Number p of a topic goes to the (p mod n)-th of its n subscribers, by id. While members subscribe to different topics (an
 * upgrade), a topic goes to those alone that read it.
 * @returns for each member's id, what it holds: the same whatever the order of the members.
 */
export function coPartition(
  members: readonly GroupMember[],
  partitionsOf: (topic: string) => readonly number[],
): Map<string, TopicPartition[]> {
  const sorted = [...members].sort((one, other) => (one.id < other.id ? -1 : 1));
  const held = new Map(sorted.map(({ id }): [string, TopicPartition[]] => [id, []]));
  for (const topic of [...new Set(sorted.flatMap(({ topics }) => topics))].sort()) {
    const readers = sorted.filter(({ topics }) => topics.includes(topic));
    for (const partition of partitionsOf(topic)) {
      const reader = readers[partition % readers.length];
      if (reader !== undefined) held.get(reader.id)?.push({ topic, partition });
    }
  }
  return held;
}
