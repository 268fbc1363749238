/** Keys of the whole page: `g` and a letter go to a page, `/` goes to the search, `?` shows them all. */

export type KeyActions = {
  /** After `g`. @returns false for a letter of no page. */
  goTo(letter: string): boolean;
  showKeys(): void;
};

/** How long the letter may take. */
const CHORD_MS = 1_500;

/** @returns what ends it. */
export function listenToKeys({ goTo, showKeys }: KeyActions): () => void {
  let chord_until_ms = 0;
  const pressed = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    const in_chord = event.timeStamp < chord_until_ms;
    chord_until_ms = 0;
    if (in_chord && goTo(event.key)) event.preventDefault();
    else if (event.key === "g") chord_until_ms = event.timeStamp + CHORD_MS;
    else if (event.key === "?") showKeys();
    else if (event.key === "/") {
      const search = document.querySelector<HTMLElement>("[data-search]");
      if (search === null) return;
      event.preventDefault();
      search.focus();
    }
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}
