/** Light or dark: as the system says, unless the person chose. */
import { createStore } from "./store.ts";

export type Theme = "light" | "dark";
export type ThemeChoice = Theme | "auto";

const STORED = "sluice.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export const themeChoice = createStore<ThemeChoice>(readChoice());
/** What is shown. */
export const theme = createStore<Theme>(shown());
apply();
system.addEventListener("change", apply);

export function chooseTheme(choice: ThemeChoice): void {
  if (choice === "auto") localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, choice);
  themeChoice.set(choice);
  apply();
}

function readChoice(): ThemeChoice {
  const stored = localStorage.getItem(STORED);
  return stored === "light" || stored === "dark" ? stored : "auto";
}

function shown(): Theme {
  const choice = themeChoice.get();
  if (choice !== "auto") return choice;
  return system.matches ? "dark" : "light";
}

function apply(): void {
  // First the colours, then those who read them.
  document.documentElement.dataset["theme"] = shown();
  theme.set(shown());
}

/** A colour of the style sheet as it is now, such as `--accent`. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
