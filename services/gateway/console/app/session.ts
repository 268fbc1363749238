/** Who is signed in. The key is kept for as long as the tab is open, and nowhere else. */
import { createStore } from "./store.ts";

/** As `GET /v1/me` says. */
export type Me = {
  readonly tenant: string;
  readonly scopes: readonly string[];
  readonly key_id: string;
};

export type Session = {
  readonly key: string | undefined;
  /** Undefined while the key was not looked at yet. */
  readonly me: Me | undefined;
  /** Why there is no session any more, for whoever signs in again. */
  readonly why: string | undefined;
};

const STORED = "sluice.key";

export const session = createStore<Session>({
  key: sessionStorage.getItem(STORED) ?? undefined,
  me: undefined,
  why: undefined,
});

export function isAdmin(me: Me | undefined): boolean {
  return me?.scopes.includes("admin") ?? false;
}

export function signIn(key: string, me: Me): void {
  sessionStorage.setItem(STORED, key);
  session.set({ key, me, why: undefined });
}

/** @param why in words, where it was not asked for. */
export function signOut(why?: string): void {
  sessionStorage.removeItem(STORED);
  session.set({ key: undefined, me: undefined, why });
}
