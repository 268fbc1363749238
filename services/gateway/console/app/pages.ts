/** All pages of the console, in the order of the menu. */
import type { Page } from "./page.ts";
import { budgetsPage } from "./pages/budgets.tsx";
import { overviewPage } from "./pages/overview.tsx";
import { requestsPage } from "./pages/requests.tsx";
import { isAdmin, type Me } from "./session.ts";

const PAGES: readonly Page[] = [overviewPage, requestsPage, budgetsPage];

export function pagesFor(me: Me): readonly Page[] {
  const admin = isAdmin(me);
  return PAGES.filter((page) => page.for === "all" || (page.for === "admin") === admin);
}
