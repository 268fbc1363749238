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

export type TooLarge = {
  readonly kind: "too_large";
  /** Of the file, or of all files of the tenant. */
  readonly limit: "files.bytes_max" | "files.tenant_bytes_max";
  readonly bytes_max: number;
};

export type Added = { readonly kind: "added"; readonly file: StoredFile } | TooLarge;

/** Files of tenants: rows in Postgres, bytes in the storage. Nothing of another tenant is ever found. */
export interface Files {
  /** Of a job's own file (`id` given) an earlier one is replaced, and no limit holds. */
  add(file: NewFile): Promise<Added>;
  find(tenant: string, id: string): Promise<StoredFile | undefined>;
  read(file: StoredFile, range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
}

/** Bytes that are in the storage, of a file that is not there yet. */
export type Taken = {
  readonly kind: "taken";
  readonly tenant: string;
  readonly storage_key: string;
  readonly bytes: number;
  /** Must be kept by then. */
  readonly until_ms: number;
};

export type FilePage = {
  readonly purpose?: FilePurpose;
  readonly limit: number;
  readonly order: "asc" | "desc";
  /** The file that the page before ended with. */
  readonly after?: Pick<StoredFile, "id" | "created_ms">;
};

/** What tenants do with their files beside reading them. */
export interface TenantFiles extends Files {
  /** The first half of `add`, for whoever learns only after the bytes what they are. Rejects with what `content` threw, and keeps nothing. */
  take(tenant: string, content: AsyncIterable<Uint8Array>): Promise<Taken | TooLarge>;
  /** The second half. */
  keep(taken: Taken, facts: Pick<NewFile, "purpose" | "filename" | "expires_ms">): Promise<Added>;
  /** Or not. */
  drop(taken: Taken): Promise<void>;
  /** By the time they were made. */
  list(tenant: string, page: FilePage): Promise<{ readonly files: readonly StoredFile[]; readonly has_more: boolean }>;
  /** @returns whether it was there. */
  remove(tenant: string, id: string): Promise<boolean>;
}
