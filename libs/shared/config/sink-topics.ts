/** Names of topics out of a pattern with `{tenant}` and `{label}`. Pure. */
import { createHash } from "node:crypto";

/** What stands for a label that a request does not have, and for names beyond the limit. No tenant begins so, and no label as it is written. */
export const NO_LABEL = "_none";
export const OTHER = "_other";

const NAME_LENGTH_MAX = 60;
/** Without a dot: of topics that differ in `.` and `_` alone, Kafka makes the first and refuses the second. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

export type TopicParts = { readonly tenant: string; readonly label: string | undefined };

export function sinkTopic(pattern: string, { tenant, label }: TopicParts): string {
  const named = { tenant: topicPart(tenant), label: label === undefined ? NO_LABEL : topicPart(label) };
  return fill(pattern, named);
}

/** Where results go whose topics would be too many. */
export function otherTopic(pattern: string): string {
  return fill(pattern, { tenant: OTHER, label: OTHER });
}

/** Whether the pattern can become this topic. */
export function mayBecome(pattern: string, topic: string): boolean {
  const parts = pattern.split(/\{tenant\}|\{label\}/).map((part) => part.replaceAll(".", "\\."));
  return new RegExp(`^${parts.join("[A-Za-z0-9_-]+")}$`).test(topic);
}

/** As it is where it is plain; else what is not is replaced, and a hash tells it from others that look alike then. */
function topicPart(name: string): string {
  if (PLAIN.test(name) && name.length <= NAME_LENGTH_MAX) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 12);
  const plain = name.slice(0, NAME_LENGTH_MAX - hash.length - 1).replaceAll(/[^A-Za-z0-9_-]/g, "-");
  return `${plain.replace(/^[^A-Za-z0-9]+/, "")}-${hash}`.replace(/^-/, "");
}

function fill(pattern: string, { tenant, label }: { readonly tenant: string; readonly label: string }): string {
  return pattern.replaceAll(/\{tenant\}|\{label\}/g, (part) => (part === "{tenant}" ? tenant : label));
}
