/** Results of requests that were run once more, as their rows have them. */
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";

export type Asked = { readonly tenant: string; readonly id: string };

export interface Originals {
  /** The Results as JSON text, in the order asked; undefined where there is none (any more). */
  find(asked: readonly Asked[]): Promise<readonly (string | undefined)[]>;
}

const FIND = `
SELECT tenant, id, result FROM sluice_results JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS a (tenant, id)) AS asked
USING (tenant, id)`;

export class PostgresOriginals implements Originals {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async find(asked: readonly Asked[]): Promise<readonly (string | undefined)[]> {
    if (asked.length === 0) return [];
    const values = [asked.map(({ tenant }) => tenant), asked.map(({ id }) => id)];
    const { rows } = await withPostgres(() => this.#pool.query({ name: "originals", text: FIND, values }));
    // Neither name holds a space.
    const found = new Map<string, string>(rows.map((row) => [`${row.tenant} ${row.id}`, row.result]));
    return asked.map(({ tenant, id }) => found.get(`${tenant} ${id}`));
  }
}
