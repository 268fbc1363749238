/** Keys of the file storage: the plain alphabet that stays inside its folder. Pure. */
import { SluiceError } from "../errors.ts";

/** No part is empty or begins with a dot: nothing leads out of the folder, nor to what a storage keeps there for itself. */
const KEY = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const KEY_LENGTH_MAX = 500;

export function isStorageKey(key: string): boolean {
  return key.length <= KEY_LENGTH_MAX && KEY.test(key);
}

/** @throws an error that is a bug of the caller. */
export function checkStorageKey(key: string): void {
  if (!isStorageKey(key)) throw new SluiceError("internal_error", `"${key}" is no key of the file storage`);
}

export function fileMissing(key: string, cause: unknown): SluiceError {
  return new SluiceError("file_missing", `the file storage has nothing under ${key}`, { cause });
}
