/** Tenants as administrators have made and changed them until now. */
import { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import { tenantReader } from "../../libs/shared/budgets/tenant-reader.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import type { ReplayParts } from "./parts.ts";

/** Waits while Kafka is away. */
export function readTenants(parts: Pick<ReplayParts, "kafka" | "codec" | "names" | "retry">): Promise<TenantBook> {
  const { kafka, codec, names, retry } = parts;
  return untilAvailable(retry, names.tenants, async () => {
    const book = new TenantBook();
    const reader = tenantReader({ kafka, codec, topic: names.tenants }, book, true);
    try {
      await reader.start();
      await reader.done;
      if (!reader.caught_up) throw unavailable("kafka", new Error(`the end of ${names.tenants} was not reached`));
    } finally {
      await reader.stop();
    }
    return book;
  });
}
