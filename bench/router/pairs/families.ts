/**
 * Reads families of questions from compact text. Pure. A family has a topic (`# topic`), values that its questions are asked for (`x:`, and `y:` in
 * step with it), and lines of one question in different words, parted by ` / `: `=` begins a question, `!` is a near-miss of the `=` before it.
 */

export type Question = { readonly wordings: readonly string[]; readonly near_miss: boolean };

export type Family = {
  readonly topic: string;
  readonly x: readonly string[];
  readonly y: readonly string[];
  readonly questions: readonly Question[];
};

export function familiesOf(text: string): readonly Family[] {
  return text
    .split("\n# ")
    .slice(1)
    .map((block) => {
      const lines = block.split("\n").map((line) => line.trim());
      const valuesOf = (name: string) => {
        const line = lines.find((one) => one.startsWith(`${name}: `));
        return line === undefined ? [] : line.slice(name.length + 2).split("; ");
      };
      const questions = lines
        .filter((line) => line.startsWith("= ") || line.startsWith("! "))
        .map((line) => ({ wordings: line.slice(2).split(" / "), near_miss: line.startsWith("!") }));
      return { topic: lines[0] ?? "", x: valuesOf("x"), y: valuesOf("y"), questions };
    });
}

/** The wordings of a question for value number `index`. */
export function asked(family: Family, question: number, index: number): readonly string[] {
  return (family.questions[question]?.wordings ?? []).map((wording) =>
    wording.replaceAll("{x}", family.x[index] ?? "").replaceAll("{y}", family.y[index] ?? ""),
  );
}
