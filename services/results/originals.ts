/** Results of requests that were run once more, as their rows have them. */
import type { Pool } from "../../libs/shared/postgres/client.ts";
import { findResults } from "../../libs/shared/postgres/results.ts";

export type Asked = { readonly tenant: string; readonly id: string };

export interface Originals {
  /** The Results as JSON text, in the order asked; undefined where there is none (any more). */
  find(asked: readonly Asked[]): Promise<readonly (string | undefined)[]>;
}

export class PostgresOriginals implements Originals {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async find(asked: readonly Asked[]): Promise<readonly (string | undefined)[]> {
    const rows = await findResults(this.#pool, asked);
    // Neither name holds a space.
    const found = new Map(rows.map((row) => [`${row.tenant} ${row.id}`, row.result] as const));
    return asked.map(({ tenant, id }) => found.get(`${tenant} ${id}`));
  }
}
