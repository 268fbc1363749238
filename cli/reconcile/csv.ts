/** Comma-separated values as RFC 4180 has them: quoted fields may hold commas, quotes (doubled) and line breaks. Pure. */

export type CsvRow = { readonly line: number; readonly fields: readonly string[] };

/** Rows that are not blank, with the line each begins at. Throws an Error that names the line of a quote that is not closed or out of place. */
export function parseCsv(text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  const source = text.replace(/^\uFEFF/, "");
  let fields: string[] = [];
  let line = 1;
  let begun = 1;
  // One field and what ends it, from where the last one ended.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;
  while (field.lastIndex < source.length || fields.length > 0) {
    const match = field.exec(source);
    if (match === null) throw new Error(`line ${line}: a quote is out of place or not closed`);
    const [whole, quoted, plain = "", end] = match;
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    line += whole.split(/\r\n|\n|\r/).length - 1;
    if (end === ",") continue;
    if (fields.length > 1 || fields[0] !== "") rows.push({ line: begun, fields });
    fields = [];
    begun = line;
  }
  return rows;
}
