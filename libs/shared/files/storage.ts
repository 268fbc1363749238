/** Where bytes of files lie: a folder or an S3 bucket. Keys are ours: letters, digits, `_`, `-`, `.` and `/`. */

export type ByteRange = {
  readonly start: number;
  /** Not included. */
  readonly end: number;
};

export interface FileStorage {
  /**
   * Stores what comes, however much it is; a file is there whole or not at all. Rejects with what `content` threw, and then keeps nothing.
   * @returns how many bytes there were.
   */
  write(key: string, content: AsyncIterable<Uint8Array>): Promise<number>;
  /** In pieces; the whole file unless a range is given. Throws `file_missing` where there is none, retryable while the storage is away. */
  read(key: string, range?: ByteRange): AsyncIterable<Uint8Array>;
  /** Also where there is none. */
  remove(key: string): Promise<void>;
  /** Removes what writers left that died before `before_ms`. @returns how many there were. */
  removeUnfinished?(before_ms: number): Promise<number>;
  /** Problems in words; none when it can be used. */
  problems(): Promise<string[]>;
}
