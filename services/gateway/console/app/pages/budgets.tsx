/** Budgets. */
import type { Page, PageProps } from "../page.ts";
import { PageHead } from "../ui/panel.tsx";

export const budgetsPage: Page = { path: "budgets", title: "Budgets", letter: "b", for: "all", View };

function View({ me }: PageProps) {
  return <PageHead title="Budgets" side={me.tenant} />;
}
