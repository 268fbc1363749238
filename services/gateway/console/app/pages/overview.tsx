/** Overview. */
import type { Page, PageProps } from "../page.ts";
import { PageHead } from "../ui/panel.tsx";

export const overviewPage: Page = { path: "", title: "Overview", letter: "o", for: "admin", View };

function View({ me }: PageProps) {
  return <PageHead title="Overview" side={me.tenant} />;
}
