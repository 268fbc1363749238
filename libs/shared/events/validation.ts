/** From a zod issue to an error that names the field and the fix. Pure. */
import type { z } from "zod";

export type FieldError = { readonly param: string; readonly message: string };

/** The first problem of a value, with its path under `root` (`body.messages[0].role`). */
export function firstProblem(error: z.ZodError, root = ""): FieldError {
  const issue = deepest(error.issues[0] as z.core.$ZodIssue);
  const param = pathOf(root, issue.path);
  return { param, message: explain(issue, param) };
}

/** In a union, the problem of the alternative that came furthest is the one worth telling. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  let best: z.core.$ZodIssue | undefined;
  for (const [first] of issue.errors) {
    if (first === undefined) continue;
    const found = deepest({ ...first, path: [...issue.path, ...first.path] });
    if (best === undefined || found.path.length > best.path.length) best = found;
  }
  return best !== undefined && best.path.length > issue.path.length ? best : issue;
}

function explain(issue: z.core.$ZodIssue, param: string): string {
  if (issue.code === "unrecognized_keys") {
    const names = issue.keys.map((key) => `"${printable(key)}"`).join(", ");
    return `unknown field ${names}${param ? ` in ${param}` : ""}; remove it or correct its spelling`;
  }
  if (issue.code === "invalid_union") return explainUnion(issue, param);
  if (issue.code === "invalid_type" && issue.input === undefined && /undefined/.test(issue.message)) {
    return `${param} is required`;
  }
  const text = issue.message.replace(/^Invalid input: /, "").replace(/^Too (big|small): /, "");
  return `${param || "the request"}: ${text.startsWith("must") ? text : text.replace(/^expected/, "must be")}`;
}

/** None of the alternatives came further than the value itself: say what it may be. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, param: string): string {
  const first = issue.errors.flatMap(([problem]) => (problem === undefined ? [] : [problem]));
  if (first.some(({ message }) => /received undefined/.test(message))) return `${param} is required`;
  const kinds = first.flatMap((problem) => (problem.code === "invalid_type" ? [problem.expected] : []));
  return `${param || "the request"}: must be ${kinds.length > 0 ? [...new Set(kinds)].join(" or ") : "one of its known shapes"}`;
}

function pathOf(root: string, path: readonly PropertyKey[]): string {
  let text = root;
  for (const step of path) {
    text += typeof step === "number" ? `[${step}]` : `${text ? "." : ""}${printable(String(step))}`;
  }
  return text;
}

/** Names come from strangers: no control characters, and not without end. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "�").slice(0, 100);
}
