/** What of an error a span may say: a code or a class, never its words, which may quote what was asked. Pure. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "_OTHER";
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(code) ? code : error.name;
}
