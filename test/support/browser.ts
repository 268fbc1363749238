/**
 * A browser for the console's tests: Debian's Chromium by playwright-core. What a page complains of (errors, and what Chromium logs as one: violations
 * of its content security policy) fails the test. Screenshots lie in `.sluice/test/screenshots`.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { ROOT } from "./pipeline.ts";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const PATH = PATHS.find((path) => existsSync(path));
const WAIT_MS = 20_000;

/** For the option `skip` of a test: why there is no browser, or false. */
export const NO_BROWSER: string | false = PATH === undefined ? "no Chromium here: apt install chromium" : false;

export type Opened = {
  readonly page: Page;
  /** Of what the page shows, named after the test. */
  screenshot(name: string): Promise<void>;
  /** Closes it, and fails where it complained of anything. */
  close(): Promise<void>;
};

/** One for a test file: `launch` in `before`, `stop` in `after`. */
export class TestBrowser {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    // Chromium refuses its sandbox to root.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    return new TestBrowser(await chromium.launch({ executablePath: PATH ?? "", args }));
  }

  /** A window of its own: nobody is signed in. */
  async open(options: BrowserContextOptions = {}): Promise<Opened> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      // A refusal by the API is told by the page; the browser notes it too.
      const is_refusal = /^Failed to load resource: the server responded with a status of 4\d\d/.test(message.text());
      if (message.type() === "error" && !is_refusal) complaints.push(message.text());
    });
    return {
      page,
      async screenshot(name) {
        const folder = join(ROOT, ".sluice", "test", "screenshots");
        mkdirSync(folder, { recursive: true });
        await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
      },
      async close() {
        await context.close();
        assert.deepEqual(complaints, []);
      },
    };
  }

  stop(): Promise<void> {
    return this.#browser.close();
  }
}

/** From the sign-in page to the first page of whose key it is. */
export async function signIn(page: Page, gateway_url: string, key: string): Promise<void> {
  await page.goto(`${gateway_url}/console`);
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
}

/** True where nothing of the page lies beside the window, so that it need not be moved sideways. */
export function fitsWidth(page: Page): Promise<boolean> {
  return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth");
}
