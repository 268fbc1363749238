/**
 * What is looked for in the cache, made from a request. Pure.
 *
 * Both names of an entry are SHA-256 over the canonical JSON of one array that begins with the tenant as admitted: nothing that a
 * request says can move where an element ends, so no request of one tenant has a name of another's entry (I5).
 */
import { contentHash } from "../../../libs/shared/canonical.ts";
import type { CacheSettings } from "../../../libs/shared/config/cache.ts";
import { CACHE_NAMESPACE } from "../../../libs/shared/events/cache.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import type { RequestFacts } from "../../../libs/shared/routing/facts.ts";
import type { CacheAsk } from "./contract.ts";

export type AskContext = {
  readonly settings: Pick<CacheSettings, "version" | "ttl_hours" | "exact"> & {
    readonly semantic: Pick<CacheSettings["semantic"], "enabled" | "text_chars_max"> & {
      readonly embedding: Pick<CacheSettings["semantic"]["embedding"], "model">;
    };
  };
  /** What may answer: the models that the asked tier or model, or the ladder, stands for now, with the versions of their prompts. */
  readonly models: readonly string[];
  /** What of a text is personal or secret, in a word; undefined where nothing is. */
  readonly sensitive: (text: string) => string | undefined;
};

export type Asked = CacheAsk | { readonly bypass: string };

/** Members of a body that change how an answer comes and not what it says. */
const IDLE_MEMBERS: ReadonlySet<string> = new Set([
  ...["stream", "stream_options", "user", "safety_identifier", "prompt_cache_key", "metadata", "store", "service_tier"],
]);

const HOUR_MS = 3_600_000;

/** @param body the request's, as admitted; undefined where it is too long to be looked at. @param facts of a chat request. */
export function cacheAskOf(
  head: AdmittedHead,
  body: Readonly<Record<string, unknown>> | undefined,
  facts: RequestFacts | undefined,
  context: AskContext,
): Asked {
  const { settings } = context;
  const mode = head.cache?.mode ?? "default";
  if (mode === "bypass") return { bypass: "the request asks for it" };
  if (!settings.exact.enabled && !settings.semantic.enabled) return { bypass: "the settings have no cache" };
  if (body === undefined) return { bypass: "the request is too long" };

  const label = head.metadata?.[CACHE_NAMESPACE];
  const asked = askedMembers(body);
  const text = textOf(asked, facts, context);
  const common = [
    head.tenant,
    settings.version,
    label ?? null,
    head.tier ?? null,
    head.model ?? null,
    head.max_output_tokens ?? null,
    context.models,
  ];
  const { ttl_seconds, threshold } = head.cache ?? {};
  return {
    tenant: head.tenant,
    id: head.id,
    entry_id: contentHash(["entry", ...common, asked]),
    namespace: contentHash(["namespace", ...common, settings.semantic.embedding.model, withoutQuestion(asked, facts)]),
    ...(label === undefined ? {} : { label }),
    ...(text === undefined ? {} : { text }),
    ...(threshold === undefined ? {} : { threshold }),
    ttl_ms: ttl_seconds === undefined ? settings.ttl_hours * HOUR_MS : ttl_seconds * 1_000,
    reads: true,
    writes: mode === "default",
    ...(head.deadline_ms === undefined ? {} : { deadline_ms: head.deadline_ms }),
  };
}

function askedMembers(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !IDLE_MEMBERS.has(name)));
}

/** The body but for what may differ among requests that are answered by meaning: the last user turn's text, or the texts to embed. */
function withoutQuestion(asked: Readonly<Record<string, unknown>>, facts: RequestFacts | undefined): unknown {
  if (facts === undefined) return { ...asked, input: null };
  const messages = asked["messages"];
  if (facts.last_user === undefined || !Array.isArray(messages)) return asked;
  const last = messages.at(-1) as { readonly content: unknown };
  return { ...asked, messages: [...messages.slice(0, -1), { ...last, content: withoutText(last.content) }] };
}

/** A part may hold more than its text, which then counts. */
function withoutText(content: unknown): unknown {
  if (!Array.isArray(content)) return null;
  return content.map((part: object) => ({ ...part, text: null }));
}

/** The last user turn, where an answer to a question like it would do. */
function textOf(
  asked: Readonly<Record<string, unknown>>,
  facts: RequestFacts | undefined,
  { settings, sensitive }: AskContext,
): string | undefined {
  const text = facts?.last_user;
  const { enabled, text_chars_max } = settings.semantic;
  if (!enabled || text === undefined || text.trim() === "" || text.length > text_chars_max) return undefined;
  const { n } = asked;
  if (typeof n === "number" && n > 1) return undefined;
  return sensitive(stringsIn(asked["messages"]).join("\n")) === undefined ? text : undefined;
}

/** Every string in a value, names of members aside: the messages' texts and what tools were called with. */
function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}
