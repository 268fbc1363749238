/** What a body makes use of, by the names that plans and routing rules use. Pure. */
import type { Feature } from "../config/plans.ts";

type Body = Readonly<Record<string, unknown>>;

export function featuresOf(kind: "chat" | "embeddings", body: Body): Feature[] {
  if (kind === "embeddings") return ["embeddings"];
  const format = body["response_format"] as { readonly type?: unknown } | null | undefined;
  return [
    "chat",
    ...(isGiven(body["tools"]) || isGiven(body["functions"]) ? (["tools"] as const) : []),
    ...(hasImage(body["messages"]) ? (["images"] as const) : []),
    ...(body["stream"] === true ? (["stream"] as const) : []),
    ...(isGiven(format) && format?.type !== "text" ? (["structured_output"] as const) : []),
  ];
}

function isGiven(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
}

function hasImage(messages: unknown): boolean {
  return (Array.isArray(messages) ? messages : []).some((message: unknown) => {
    const content = fieldOf(message, "content");
    return Array.isArray(content) && content.some((part) => IMAGES.has(fieldOf(part, "type")));
  });
}

const IMAGES = new Set<unknown>(["image_url", "input_image"]);

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? (value as Body)[field] : undefined;
}
