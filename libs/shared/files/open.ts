/** Opens the file storage that a URL names. */
import { DiskFiles } from "./disk.ts";
import { parseFilesUrl } from "./places.ts";
import type { FileStorage } from "./storage.ts";

/**
 * @param url `file:///a/folder` or `s3://bucket/prefix?endpoint=…&region=…&path_style=true`.
 * @throws SluiceError `settings_invalid` for any other.
 */
export async function openFileStorage(url: string): Promise<FileStorage> {
  const place = parseFilesUrl(url);
  if (place.kind === "disk") return new DiskFiles(place.folder);
  // The SDK takes time and memory that only those pay who use it.
  const { S3Files } = await import("./s3.ts");
  return new S3Files(place);
}
