/** From the text of a YAML file to what its schema says, or to errors that name the line and the fix. Pure. */
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { type ErrorCode, SluiceError } from "../errors.ts";

export type Problem = { readonly line: number; readonly path: string; readonly message: string };

export type YamlForm<T> = {
  readonly schema: z.ZodType<T>;
  /** What no single field shows; paths as in the file. */
  readonly crossCheck: (
    parsed: T,
  ) => readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
  /** Of the error. */
  readonly code: ErrorCode;
};

/** @throws SluiceError of the form's code that lists every problem by line. */
export function parseYaml<T>(text: string, file: string, { schema, crossCheck, code }: YamlForm<T>): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const syntax = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    path: "",
    message: error.message,
  }));
  if (syntax.length > 0) throw invalid(file, code, syntax);

  const parsed = schema.safeParse(document.toJS() ?? {});
  if (!parsed.success) {
    throw invalid(
      file,
      code,
      parsed.error.issues.flatMap(explain).map(({ path, message }) => ({
        line: lineOf(document, lines, path),
        path: path.join("."),
        message,
      })),
    );
  }
  const problems = crossCheck(parsed.data).map((problem) => ({
    line: lineOf(document, lines, problem.path),
    path: problem.path.join("."),
    message: problem.message,
  }));
  if (problems.length > 0) throw invalid(file, code, problems);
  return parsed.data;
}

function invalid(file: string, code: ErrorCode, problems: readonly Problem[]): SluiceError {
  const list = problems.map(({ line, path, message }) => `${file}:${line}: ${path ? `${path}: ` : ""}${message}`);
  return new SluiceError(code, list.join("\n"), { fix: `Correct ${file} and start again.` });
}

type Explained = { readonly path: readonly PropertyKey[]; readonly message: string };

function explain(issue: z.core.$ZodIssue): Explained[] {
  if (issue.code === "unrecognized_keys") {
    const message = "unknown setting; remove it or correct its spelling";
    return issue.keys.map((key) => ({ path: [...issue.path, key], message }));
  }
  const missing = issue.code === "invalid_type" && /received undefined/.test(issue.message);
  return [{ path: issue.path, message: missing ? `is missing; add it (${issue.expected})` : issue.message }];
}

/** The line of the deepest part of the path that is in the file: of its key, where it has one. */
function lineOf(document: ReturnType<typeof parseDocument>, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const name = path[length - 1];
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === name) : undefined;
    const node = isScalar(pair?.key) ? pair.key : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
