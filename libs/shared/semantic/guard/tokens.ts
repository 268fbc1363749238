/** A text as tokens. Pure, in linear time. */

export type Token = {
  readonly raw: string;
  readonly lower: string;
  /** The first of its sentence. */
  readonly first: boolean;
  readonly quoted: boolean;
  /** Follows the token before it without a space. */
  readonly joined: boolean;
};

export type Prose = {
  readonly tokens: readonly Token[];
  /** What stands between backticks, spaces made one. */
  readonly code: readonly string[];
};

const TOKEN =
  /\p{Sc}|°[cf]?|m[²³]|\.{1,2}\/|[-+*/<>=%^&|!~]+|[\p{L}\p{M}\p{N}_]+(?:['.,:@/+#-][\p{L}\p{M}\p{N}_]+)*(?:\+\+|#)?|[.?!;:,"“”()[\]{}\n]/giu;
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Khmer}\p{sc=Lao}]/u;
const ENDS = new Set([".", "?", "!", ";", ":", "\n"]);

export function tokensOf(text: string): Prose {
  const { prose, code } = withoutCode(text.replaceAll(/[’‘`´]/g, (mark) => (mark === "`" ? mark : "'")));
  const tokens: Token[] = [];
  let first = true;
  let quoted = false;
  let end = -1;
  for (const match of prose.matchAll(TOKEN)) {
    const raw = match[0];
    const joined = match.index === end;
    end = match.index + raw.length;
    if (ENDS.has(raw)) first = true;
    if (raw === '"' || raw === "“" || raw === "”") quoted = !quoted;
    if (/^[.?;:,"“”()[\]{}\n]$/.test(raw) || raw === "!") continue;
    for (const part of partsOf(raw)) {
      tokens.push({ raw: part, lower: part.toLowerCase(), first, quoted, joined });
      first = false;
    }
  }
  return { tokens, code };
}

function withoutCode(text: string): { readonly prose: string; readonly code: readonly string[] } {
  const parts = text.split(/`+/);
  if (parts.length < 3) return { prose: text, code: [] };
  const code = parts.filter((_, index) => index % 2 === 1).map((span) => span.split(/\s+/).filter(Boolean).join(" "));
  return { prose: parts.filter((_, index) => index % 2 === 0).join(" "), code };
}

const KEPT = new Set(
  "low-cost part-time full-time e-mail well-known tax-deductible tax-free front-end back-end kilowatt-hour kilowatt-hours".split(
    " ",
  ),
);

/** What was written in one, in its parts: "and/or", "Paris-London", "can't"; a script without spaces by its characters. */
function partsOf(raw: string): readonly string[] {
  if (/^[A-Za-z]+$/.test(raw)) return plain(raw);
  if (!/[\p{L}\p{N}]/u.test(raw)) return [raw];
  if (UNSPACED.test(raw)) return [...raw];
  const lower = raw.toLowerCase();
  if (KEPT.has(lower) || /\d/.test(raw)) return dashed(raw);
  if (raw.includes("@") || raw.includes("_")) return [raw];
  return raw
    .split(/[-/,:]/)
    .flatMap((part) => (part.includes("'") ? contracted(part) : part === "" ? [] : plain(part)));
}

/** "5kg", "15-year-old" and "5-10" in their parts; a date or a code such as "3/4/2024", "E-02" stays one. */
function dashed(raw: string): readonly string[] {
  const measured = /^(\d[\d.,]*)(\p{L}{1,4})$/u.exec(raw);
  if (measured !== null && !/^(?:st|nd|rd|th|s|k|bn|am|pm)$/i.test(measured[2] ?? ""))
    return [measured[1] ?? "", measured[2] ?? ""];
  if (/^\d+-\d+-\d+$/.test(raw) || !raw.includes("-")) return [raw];
  return /^[\d.,]+[a-z]*-/i.test(raw) ? raw.split("-") : [raw];
}

const PLAIN: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    cannot: "can not",
    cant: "can not",
    wont: "will not",
    dont: "do not",
    doesnt: "does not",
    didnt: "did not",
    isnt: "is not",
    arent: "are not",
    wasnt: "was not",
    werent: "were not",
    shouldnt: "should not",
    couldnt: "could not",
    wouldnt: "would not",
    hasnt: "has not",
    havent: "have not",
    whats: "what is",
    hows: "how is",
    wheres: "where is",
    whos: "who is",
    im: "i am",
    ive: "i have",
    gonna: "going to",
    wanna: "want to",
    unable: "not able",
    everyday: "every day",
  }).map(([word, instead]) => [word, instead.split(" ")]),
);

function plain(part: string): readonly string[] {
  return PLAIN.get(part.toLowerCase()) ?? [part];
}

const IS_AFTER = new Set("what who how where when why that it there he she here".split(" "));

function contracted(part: string): readonly string[] {
  const at = part.indexOf("'");
  const base = part.slice(0, at);
  const ending = part.slice(at + 1).toLowerCase();
  if (base === "") return ending === "" ? [] : [ending];
  if (ending === "t" && base.toLowerCase().endsWith("n")) {
    const verb = base.slice(0, -1).toLowerCase();
    return [verb === "ca" ? "can" : verb === "wo" ? "will" : verb === "sha" ? "shall" : base.slice(0, -1), "not"];
  }
  if (ending === "s") return IS_AFTER.has(base.toLowerCase()) ? [base, "is"] : [base, "'s"];
  const full = { ll: "will", re: "are", ve: "have", d: "would", m: "am" }[ending];
  return full === undefined ? [base, ending] : [base, full];
}
