/** What a query in PromQL names: metrics, with the labels that are asked of each, and the labels that it groups by. Pure. */

export type Named = {
  /** Metrics, each once for every place where it stands. */
  readonly metrics: readonly { readonly name: string; readonly labels: readonly string[]; readonly counted: boolean }[];
  /** Labels in `by`, `on`, `group_left` and the like. */
  readonly grouped: readonly string[];
};

const CLAUSE = /\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const SELECTOR = /(?<![\w:"$])([a-zA-Z_][\w:]*)(?![\w:]|\s*\()(\s*\{([^}]*)\})?/g;
const WORDS = new Set(["and", "or", "unless", "offset"]);

/** @param query of the shapes that boards and alarms here have: no braces within strings. */
export function namedIn(query: string): Named {
  const grouped = [...query.matchAll(CLAUSE)].flatMap(([, , list = ""]) =>
    list.split(",").map((label) => label.trim()),
  );
  const rest = query.replaceAll(CLAUSE, " ");
  const metrics = [...rest.matchAll(SELECTOR)].flatMap(({ 1: name = "", 3: matchers = "", index }) => {
    if (WORDS.has(name)) return [];
    const before = rest.slice(0, index);
    return [{ name, labels: labelsOf(matchers), counted: /\b(rate|increase)\(\s*$/.test(before) }];
  });
  return { metrics, grouped: grouped.filter((label) => label !== "") };
}

function labelsOf(matchers: string): string[] {
  const bare = matchers.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
  return [...bare.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label ?? "");
}

/** Labels of a line's name: `{{label}}`. */
export function labelsOfLegend(legend: string): string[] {
  return [...legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label]) => label ?? "");
}
