/** All pages of the console, in the order of the menu. */
import type { Page } from "./page.ts";
import { advicePage } from "./pages/advice.tsx";
import { budgetsPage } from "./pages/budgets.tsx";
import { cachePage } from "./pages/cache.tsx";
import { deadLettersPage } from "./pages/dead-letters.tsx";
import { deliveriesPage } from "./pages/deliveries.tsx";
import { jobsPage } from "./pages/jobs.tsx";
import { overviewPage } from "./pages/overview.tsx";
import { replaysPage } from "./pages/replays.tsx";
import { requestsPage } from "./pages/requests.tsx";
import { routingPage } from "./pages/routing.tsx";
import { usagePage } from "./pages/usage.tsx";
import { isAdmin, type Me } from "./session.ts";

const PAGES: readonly Page[] = [
  overviewPage,
  advicePage,
  requestsPage,
  usagePage,
  budgetsPage,
  cachePage,
  routingPage,
  jobsPage,
  deadLettersPage,
  replaysPage,
  deliveriesPage,
];

export function pagesFor(me: Me): readonly Page[] {
  const admin = isAdmin(me);
  return PAGES.filter((page) => page.for === "all" || (page.for === "admin") === admin);
}
