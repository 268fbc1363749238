/** What is kept of requests in Postgres: which outcome counted, and the Result. One look for a whole chunk. */
import type { OutcomeHead, Result } from "../../../libs/shared/events/flow.ts";
import { ORIGIN_HEADER } from "../../../libs/shared/events/headers.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import { findClaims, findRows, type KeptClaim, type ResultId } from "../../../libs/shared/postgres/results.ts";
import type { Recorded } from "../contract.ts";

export class Original {
  readonly claim: KeptClaim;
  readonly origin: string | null;
  readonly #text: string | undefined;
  #result: Result | undefined;

  /** @param row undefined where it is gone. */
  constructor(claim: KeptClaim, row?: { readonly origin: string | null; readonly result: string }) {
    this.claim = claim;
    this.origin = row?.origin ?? null;
    this.#text = row?.result;
  }

  get has_result(): boolean {
    return this.#text !== undefined;
  }

  /** Undefined where the row is gone. Parsed when it is first looked at: of most records that are reused nobody looks. */
  get result(): Result | undefined {
    if (this.#text !== undefined) this.#result ??= JSON.parse(this.#text) as Result;
    return this.#result;
  }
}

/** A map key; neither name holds a space. */
export function nameOf({ tenant, id }: ResultId): string {
  return `${tenant} ${id}`;
}

/** By `nameOf`. @throws retryable while Postgres is away. */
export async function findOriginals(pool: Pool, asked: readonly ResultId[]): Promise<ReadonlyMap<string, Original>> {
  const claims = await findClaims(pool, asked);
  const rows = new Map((await findRows(pool, claims)).map((row) => [nameOf(row), row]));
  return new Map(
    claims.map((claim): [string, Original] => [nameOf(claim), new Original(claim, rows.get(nameOf(claim)))]),
  );
}

/** The outcome that a Result was made of, as far as the Result tells: whether it was whole is not known any more. Pure. */
export function outcomeOfRow({
  claim,
  result,
  origin,
}: Pick<Original, "claim" | "result" | "origin">): Recorded["outcome"] {
  if (result === undefined) return undefined;
  const { response, replay: _, ...head } = result;
  const outcome: OutcomeHead = { ...head, content_hash: claim.content_hash };
  return {
    from: "row",
    head: outcome,
    ...(response === undefined ? {} : { response: Buffer.from(JSON.stringify(response)) }),
    headers: origin === null ? {} : { [ORIGIN_HEADER]: origin },
  };
}
