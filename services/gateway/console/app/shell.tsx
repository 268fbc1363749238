/** What is around every page: the bar with the menu, what keys do, and who is signed in. */
import { useEffect, useRef, useState } from "preact/hooks";
import { reachable } from "./api.ts";
import { listenToKeys } from "./keys.ts";
import type { Page } from "./page.ts";
import { pagesFor } from "./pages.ts";
import { go, hrefOf, usePlace } from "./router.ts";
import { isAdmin, type Me, signOut } from "./session.ts";
import { useStore } from "./store.ts";
import { chooseTheme, type ThemeChoice, themeChoice } from "./theme.ts";
import { Dialog } from "./ui/dialog.tsx";
import { Link } from "./ui/link.tsx";
import { Mark } from "./ui/mark.tsx";
import { Toasts } from "./ui/toast.tsx";

export function Shell({ me }: { readonly me: Me }) {
  const { steps, query } = usePlace();
  const [keys_shown, setKeysShown] = useState(false);
  const pages = pagesFor(me);
  const [first, ...rest] = steps;
  const page = first === undefined ? pages[0] : pages.find(({ path }) => path === first);

  useEffect(
    () =>
      listenToKeys({
        goTo: (letter) => {
          const found = pagesFor(me).find((one) => one.letter === letter);
          if (found !== undefined) go(hrefOfPage(found));
          return found !== undefined;
        },
        showKeys: () => setKeysShown(true),
      }),
    [me],
  );
  // What was focused is gone with the page before: whoever uses keys goes on at the new one's beginning.
  const place = steps.join("/");
  const shown = useRef(place);
  useEffect(() => {
    if (shown.current === place) return;
    shown.current = place;
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [place]);
  useEffect(() => {
    const one = rest.at(-1);
    document.title = [...(one === undefined ? [] : [one]), ...(page === undefined ? [] : [page.title]), "Sluice"].join(
      " · ",
    );
  }, [page, place]);

  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <Bar me={me} pages={pages} page={page} showKeys={() => setKeysShown(true)} />
      <main id="main" tabIndex={-1}>
        {page === undefined ? <NoPage /> : <page.View key={page.path} me={me} rest={rest} query={query} />}
      </main>
      {keys_shown ? <Keys pages={pages} onClose={() => setKeysShown(false)} /> : null}
      <Toasts />
    </>
  );
}

type BarProps = {
  readonly me: Me;
  readonly pages: readonly Page[];
  readonly page: Page | undefined;
  readonly showKeys: () => void;
};

function Bar({ me, pages, page, showKeys }: BarProps) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [page]);
  return (
    <header class="bar">
      <Link href={hrefOf([])} class="brand" title="Sluice">
        <Mark /> <span>Sluice</span>
      </Link>
      <button
        type="button"
        class="menu-button"
        aria-expanded={open}
        aria-controls="menu"
        onClick={() => setOpen(!open)}
      >
        {page?.title ?? "Menu"} <span aria-hidden="true">▾</span>
      </button>
      <nav id="menu" class={open ? "menu open" : "menu"} aria-label="Pages">
        {pages.map((one) => (
          <Link key={one.path} href={hrefOfPage(one)} current={one === page}>
            {one.title}
          </Link>
        ))}
      </nav>
      <div class="bar-side">
        <Live />
        <ThemeButton />
        <button
          type="button"
          class="icon keys-button"
          title="Keys (?)"
          aria-label="Show what keys do"
          onClick={showKeys}
        >
          ?
        </button>
        <span class="who" title={`Key ${me.key_id}, scopes: ${me.scopes.join(", ")}`}>
          {isAdmin(me) ? "Administrator" : me.tenant}
        </span>
        <button type="button" class="button plain" onClick={() => signOut()}>
          Sign out
        </button>
      </div>
    </header>
  );
}

function hrefOfPage({ path }: Page): string {
  return hrefOf(path === "" ? [] : [path]);
}

/** Whether what is shown is of now. */
function Live() {
  const there = useStore(reachable);
  const [word, name] = there === false ? ["No answer", "live off"] : ["Live", "live"];
  return (
    <span class={name} role="status" title={there === false ? "The gateway does not answer" : "The gateway answers"}>
      {word}
    </span>
  );
}

const THEMES: Readonly<
  Record<ThemeChoice, { readonly next: ThemeChoice; readonly sign: string; readonly words: string }>
> = {
  auto: { next: "light", sign: "◐", words: "as the system" },
  light: { next: "dark", sign: "☀", words: "light" },
  dark: { next: "auto", sign: "☾", words: "dark" },
};

function ThemeButton() {
  const { next, sign, words } = THEMES[useStore(themeChoice)];
  const title = `Colours: ${words}; change to ${THEMES[next].words}`;
  return (
    <button type="button" class="icon" title={title} aria-label={title} onClick={() => chooseTheme(next)}>
      {sign}
    </button>
  );
}

function NoPage() {
  return (
    <div class="failed" role="alert">
      <strong>There is no such page</strong>
      <p>
        <Link href={hrefOf([])}>To the first page</Link>
      </p>
    </div>
  );
}

function Keys({ pages, onClose }: { readonly pages: readonly Page[]; readonly onClose: () => void }) {
  const rows = [
    ...pages.map(({ title, letter }) => [`g ${letter}`, title] as const),
    ["/", "Search"] as const,
    ["?", "These keys"] as const,
    ["Esc", "Close"] as const,
  ];
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {rows.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
