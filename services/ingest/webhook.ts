/** Posts JSON to an address of the user's: whether it was taken, may be taken later, or never will be. */
import { request } from "undici";
import { SluiceError } from "../../libs/shared/errors.ts";

/** `again` carries a word on why; neither it nor `refused` names the address, which may hold a secret. */
export type Posted =
  | { readonly kind: "taken" }
  | { readonly kind: "again"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string };

export type Post = (payload: object) => Promise<Posted>;

/**
 * @returns undefined where the variable is not set.
 * @throws SluiceError `settings_invalid` that names the variable and not its value.
 */
export function webhookUrl(env: Readonly<Record<string, string | undefined>>, variable: string): URL | undefined {
  const value = env[variable];
  if (value === undefined || value === "") return undefined;
  const url = URL.parse(value);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new SluiceError("settings_invalid", `${variable} holds no http or https address`, {
    fix: `Set ${variable} to the URL that alerts are posted to, or unset it.`,
  });
}

/** 2xx is taken; 408, 425, 429, 5xx, a time-out and a broken connection may pass; everything else, redirects too, will not. */
export function postTo(url: URL, timeout_ms: number): Post {
  return async (payload) => {
    try {
      const { statusCode, body } = await request(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(payload),
        signal: AbortSignal.timeout(timeout_ms),
      });
      // Read on so that the connection can be used again, up to a bound. What the answer says is of no use.
      await body.dump().catch(() => undefined);
      if (statusCode >= 200 && statusCode < 300) return { kind: "taken" };
      const passes = [408, 425, 429].includes(statusCode) || statusCode >= 500;
      return { kind: passes ? "again" : "refused", why: `HTTP ${statusCode}` };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : (error as Error).name;
      return { kind: "again", why: code };
    }
  };
}
