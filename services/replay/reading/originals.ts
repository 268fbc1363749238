/** What is kept of requests in Postgres: which outcome counted, and the Result. One look for a whole chunk. */
import type { OutcomeHead, Result } from "../../../libs/shared/events/flow.ts";
import { ORIGIN_HEADER } from "../../../libs/shared/events/headers.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import { findClaims, findRows, type KeptClaim, type ResultId } from "../../../libs/shared/postgres/results.ts";
import type { Recorded } from "../contract.ts";

export type Original = {
  readonly claim: KeptClaim;
  /** Undefined where the row is gone. */
  readonly result?: Result;
  readonly origin: string | null;
};

/** A map key; neither name holds a space. */
export function nameOf({ tenant, id }: ResultId): string {
  return `${tenant} ${id}`;
}

/** By `nameOf`. @throws retryable while Postgres is away. */
export async function findOriginals(pool: Pool, asked: readonly ResultId[]): Promise<ReadonlyMap<string, Original>> {
  const claims = await findClaims(pool, asked);
  const rows = new Map((await findRows(pool, claims)).map((row) => [nameOf(row), row]));
  return new Map(
    claims.map((claim): [string, Original] => {
      const row = rows.get(nameOf(claim));
      if (row === undefined) return [nameOf(claim), { claim, origin: null }];
      return [nameOf(claim), { claim, origin: row.origin, result: JSON.parse(row.result) as Result }];
    }),
  );
}

/** The outcome that a Result was made of, as far as the Result tells: whether it was whole is not known any more. Pure. */
export function outcomeOfRow({ claim, result, origin }: Original): Recorded["outcome"] {
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
