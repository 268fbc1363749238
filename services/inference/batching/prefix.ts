/**
 * Chat requests with the same beginning leave next to each other: a provider's prefix cache, which lives for a short time on one
 * machine, then reads the shared system prompt once. Pure.
 */
import { createHash } from "node:crypto";

const LEADING_ROLES: readonly unknown[] = ["system", "developer"];

/**
 * A hash of a chat body's leading system and developer messages and its tools, as they are spelled: a prefix cache compares tokens,
 * so another order of keys is another prefix. Empty when the body has neither.
 */
export function prefixOf(body: Readonly<Record<string, unknown>>): string {
  const messages = Array.isArray(body["messages"]) ? (body["messages"] as readonly unknown[]) : [];
  const after = messages.findIndex((message) => !LEADING_ROLES.includes(roleOf(message)));
  const leading = after === -1 ? messages : messages.slice(0, after);
  const tools = Array.isArray(body["tools"]) ? (body["tools"] as readonly unknown[]) : [];
  if (leading.length === 0 && tools.length === 0) return "";
  return createHash("sha256")
    .update(JSON.stringify([tools, leading]))
    .digest("base64url");
}

function roleOf(message: unknown): unknown {
  return typeof message === "object" && message !== null ? (message as Record<string, unknown>)["role"] : undefined;
}

/**
 * Members of one group next to each other, groups in the order of their first arrival, arrival order within. A member whose group
 * is empty stands on its own.
 */
export function orderByGroup<Member>(members: readonly Member[], groupOf: (member: Member) => string): Member[] {
  const groups: Member[][] = [];
  const byName = new Map<string, Member[]>();
  for (const member of members) {
    const name = groupOf(member);
    const group = name === "" ? undefined : byName.get(name);
    if (group !== undefined) {
      group.push(member);
      continue;
    }
    const first = [member];
    groups.push(first);
    if (name !== "") byName.set(name, first);
  }
  return groups.flat();
}
