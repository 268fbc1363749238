/**
 * The names of an entry, made from a request: the router looks for them, and `sluice cache warm` writes under them. Pure.
 *
 * Both are SHA-256 over the canonical JSON of one array that begins with what it is a name of and the tenant as admitted: nothing that a
 * request says can move where an element ends, so no request of one tenant has a name of another's entry (I5).
 */
import { contentHash } from "../canonical.ts";
import type { CacheSettings } from "../config/cache.ts";
import { AUTO } from "../routing/choice.ts";
import type { RequestFacts } from "../routing/facts.ts";

/** What a request is, to the cache. */
export type Fingerprinted = {
  readonly tenant: string;
  /** Its `metadata.cache_namespace`. */
  readonly label: string | undefined;
  readonly tier: string | undefined;
  /** `body.model`. */
  readonly model: string | undefined;
  /** Its own `limits.max_output_tokens`: not the plan's or the estimate's, which change while the question stays the same. */
  readonly output_tokens_max: number | undefined;
  /** What may answer it now. */
  readonly models: readonly string[];
  readonly body: Readonly<Record<string, unknown>>;
  /** Of a chat request. */
  readonly facts: RequestFacts | undefined;
};

export type NameSettings = Pick<CacheSettings, "version"> & {
  readonly semantic: { readonly embedding: Pick<CacheSettings["semantic"]["embedding"], "model"> };
};

export type QuestionSettings = Pick<CacheSettings["semantic"], "enabled" | "text_chars_max">;

/** What of a text is personal or secret, in a word; undefined where nothing is. */
export type FindSensitive = (text: string) => string | undefined;

export type EntryNames = { readonly entry_id: string; readonly namespace: string };

/** Members of a body that change how an answer comes and not what it says; and `model`, which is named beside it. */
const IDLE_MEMBERS: ReadonlySet<string> = new Set([
  ...["model", "stream", "stream_options", "user", "safety_identifier", "prompt_cache_key"],
  ...["metadata", "store", "service_tier"],
]);

/** `entry_id`: equal for equal requests alone. `namespace`: equal for those that differ in their last user turn's text alone. */
export function entryNames(of: Fingerprinted, settings: NameSettings): EntryNames {
  const asked = askedMembers(of.body);
  const common = [
    of.tenant,
    settings.version,
    of.label ?? null,
    askedModel(of),
    of.output_tokens_max ?? null,
    of.models,
  ];
  const model = settings.semantic.embedding.model;
  return {
    entry_id: contentHash(["entry", ...common, asked]),
    namespace: contentHash(["namespace", ...common, model, withoutQuestion(asked, of.facts)]),
  };
}

/** The last user turn, where an answer to a question like it would do: of one answer, short enough, without what is personal or secret. */
export function questionOf(
  { body, facts }: Pick<Fingerprinted, "body" | "facts">,
  { enabled, text_chars_max }: QuestionSettings,
  sensitive: FindSensitive,
): string | undefined {
  const text = facts?.last_user;
  if (!enabled || text === undefined || text.trim() === "" || text.length > text_chars_max) return undefined;
  const { n } = body;
  if (typeof n === "number" && n > 1) return undefined;
  return sensitive(textsOf(body)) === undefined ? text : undefined;
}

/** All text of a chat's messages, also what tools were called with. */
export function textsOf(body: Readonly<Record<string, unknown>>): string {
  return stringsIn(body["messages"]).join("\n");
}

/** A tier asked for by `tier` or by `model` is the same wish, and so are `auto` and no model. */
function askedModel({ tier, model }: Pick<Fingerprinted, "tier" | "model">): readonly (string | null)[] {
  const named = model === AUTO ? undefined : model;
  return tier === undefined ? [named ?? null, null] : [tier, named ?? null];
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

/** Every string in a value, names of members aside. */
function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}
