/** Requests. */
import type { Page, PageProps } from "../page.ts";
import { PageHead } from "../ui/panel.tsx";

export const requestsPage: Page = { path: "requests", title: "Requests", letter: "r", for: "all", View };

function View({ me }: PageProps) {
  return <PageHead title="Requests" side={me.tenant} />;
}
