/** A browser that opens pages of the console and says how long each took to show its data. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { ConsolePage } from "./pages.ts";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const PATH = PATHS.find((path) => existsSync(path));
const WAIT_MS_MAX = 20_000;

export type Viewer = {
  /** The process that all of the browser's others are children of. */
  readonly pid: number;
  /** From the navigation to the frame with the page's data, by the browser's own clock: in a window that has loaded nothing yet, then again in it. */
  load(page: ConsolePage): Promise<{ readonly cold_ms: number; readonly warm_ms: number }>;
  /** Opens a page and leaves it open; @returns what closes it. */
  watch(page: ConsolePage): Promise<() => Promise<void>>;
  stop(): Promise<void>;
};

/** Why there is no browser, or undefined where there is one. */
export function noBrowser(): string | undefined {
  return PATH === undefined ? "there is no Chromium here (apt install chromium): nothing is measured" : undefined;
}

/** @param keyOf API keys by whose page it is. */
export async function openBrowser(gateway_url: string, keyOf: (page: ConsolePage) => string): Promise<Viewer> {
  // Chromium refuses its sandbox to root.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const server = await chromium.launchServer({ executablePath: PATH ?? "", args });
  const browser = await chromium.connect(server.wsEndpoint());
  return {
    pid: server.process().pid ?? 0,
    async load(page) {
      const { context, show } = await openWindow(browser, gateway_url, keyOf(page), page);
      try {
        const cold_ms = await show();
        return { cold_ms, warm_ms: await show() };
      } finally {
        await context.close();
      }
    },
    async watch(page) {
      const { context, show } = await openWindow(browser, gateway_url, keyOf(page), page);
      await show();
      return () => context.close();
    },
    async stop() {
      await browser.close();
      await server.close();
    },
  };
}

type Window = { readonly context: BrowserContext; readonly show: () => Promise<number> };

async function openWindow(browser: Browser, url: string, key: string, of: ConsolePage): Promise<Window> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  let shown: (ms: number) => void = () => undefined;
  await page.exposeFunction("benchShown", (ms: number) => shown(ms));
  await page.addInitScript(watchFor, { key, shows: of.shows });
  const show = (): Promise<number> =>
    new Promise((resolve, reject) => {
      shown = resolve;
      setTimeout(() => void seen(page).then((text) => reject(lateOf(of, text))), WAIT_MS_MAX).unref();
      page.goto(`${url}/console/${of.path}`, { waitUntil: "commit" }).catch(reject);
    });
  return { context, show };
}

/** Runs in the page, before its scripts. */
function watchFor({ key, shows }: { readonly key: string; readonly shows: string }): void {
  // The page's globals; this program has not their types.
  const page = globalThis as unknown as {
    readonly sessionStorage: { setItem(name: string, value: string): void };
    readonly document: { querySelector(selector: string): unknown };
    readonly MutationObserver: new (
      changed: () => void,
    ) => { observe(of: unknown, how: object): void; disconnect(): void };
    requestAnimationFrame(then: () => void): void;
    benchShown(ms: number): void;
  };
  page.sessionStorage.setItem("sluice.key", key);
  const observer = new page.MutationObserver(() => {
    const { document } = page;
    if (document.querySelector(shows) === null || document.querySelector("main .loading") !== null) return;
    observer.disconnect();
    // Behind the frame in which it is drawn.
    page.requestAnimationFrame(() => setTimeout(() => page.benchShown(performance.now())));
  });
  observer.observe(page.document, { childList: true, subtree: true });
}

async function seen(page: Page): Promise<string> {
  return page
    .locator("body")
    .innerText({ timeout: 1_000 })
    .catch(() => "");
}

function lateOf({ name, shows }: ConsolePage, text: string): Error {
  return new Error(`the page ${name} did not show ${shows} in ${WAIT_MS_MAX} ms: ${text.slice(0, 500)}`);
}
