/** A link to a request; where its tenant is not known, to the search for its id. */
import { hrefOf } from "../router.ts";
import { Link } from "./link.tsx";

export function RequestLink({ tenant, id }: { readonly tenant?: string | null | undefined; readonly id: string }) {
  return (
    <Link href={tenant == null ? hrefOf(["requests"], { id }) : hrefOf(["requests", tenant, id])} title={id}>
      {id}
    </Link>
  );
}
