/** A file as its row says. */
export const FILE_PURPOSES = ["batch", "batch_output", "user_data"] as const;
export type FilePurpose = (typeof FILE_PURPOSES)[number];

export type StoredFile = {
  readonly id: string;
  readonly tenant: string;
  readonly purpose: FilePurpose;
  readonly filename: string;
  readonly bytes: number;
  readonly storage_key: string;
  readonly created_ms: number;
  readonly expires_ms?: number;
};

export type NewFile = {
  /** Left out: a new one. A job names its files, so that writing one again writes the same. */
  readonly id?: string;
  readonly tenant: string;
  readonly purpose: FilePurpose;
  readonly filename: string;
  readonly content: AsyncIterable<Uint8Array>;
  readonly expires_ms?: number;
};

export type Added =
  | { readonly kind: "added"; readonly file: StoredFile }
  /** Of the file, or of all files of the tenant. */
  | {
      readonly kind: "too_large";
      readonly limit: "files.bytes_max" | "files.tenant_bytes_max";
      readonly bytes_max: number;
    };

/** Files of tenants: rows in Postgres, bytes in the storage. Nothing of another tenant is ever found. */
export interface Files {
  /** Of a job's own file (`id` given) an earlier one is replaced, and no limit holds. */
  add(file: NewFile): Promise<Added>;
  find(tenant: string, id: string): Promise<StoredFile | undefined>;
  read(file: StoredFile, range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
}
