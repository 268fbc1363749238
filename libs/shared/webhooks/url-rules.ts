/**
 * Which URLs may be called at all, as far as their text says. What a name resolves to is checked when it is called
 * (`guarded-client.ts`). Pure.
 */
import ipaddr from "ipaddr.js";
import type { WebhooksSettings } from "../config/gateway.ts";
import { addressProblem, type Network, networksOf } from "./address-rules.ts";

export type UrlRules = { readonly allow_http: boolean; readonly networks: readonly Network[] };

export type CheckedUrl =
  | { readonly ok: true; readonly url: URL }
  /** `why` completes "the URL …" and does not repeat it. */
  | { readonly ok: false; readonly why: string };

const URL_CHARS_MAX = 2_048;
const WELL_KNOWN_PORTS = 1_024;

export function urlRulesOf(settings: Pick<WebhooksSettings, "allow_http" | "allow_networks">): UrlRules {
  return { allow_http: settings.allow_http, networks: networksOf(settings.allow_networks) };
}

/**
 * The WHATWG parser turns every spelling of an IPv4 address (0x7f.1, 2130706433, 0177.0.0.1, full-width digits) into four decimal numbers
 * and refuses IPv6 zones, so what is checked is what is called.
 */
export function checkUrl(text: string, rules: UrlRules): CheckedUrl {
  if (text.length > URL_CHARS_MAX) return no(`is longer than ${URL_CHARS_MAX} characters`);
  const url = URL.parse(text);
  if (url === null) return no("cannot be read as one");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && rules.allow_http)) {
    return no(rules.allow_http ? "must begin with https:// or http://" : "must begin with https://");
  }
  if (url.username !== "" || url.password !== "") return no("must hold no user name or password");
  const port = portOf(url);
  if (port !== 80 && port !== 443 && port < WELL_KNOWN_PORTS) {
    return no(`has the port ${port}; 80, 443 and those from ${WELL_KNOWN_PORTS} on are called`);
  }
  const why = hostProblem(url.hostname, rules);
  return why === undefined ? { ok: true, url } : no(why);
}

function no(why: string): CheckedUrl {
  return { ok: false, why };
}

function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

function hostProblem(hostname: string, { networks }: UrlRules): string | undefined {
  if (hostname.endsWith(".")) return "has a host that ends in a dot";
  const address = addressIn(hostname);
  if (address === undefined) return undefined;
  const problem = addressProblem(address, networks);
  return problem === undefined ? undefined : `has an address that must not be called: ${problem}`;
}

/** The address that a host is written as; what is called localhost is this machine (RFC 6761). */
export function addressIn(hostname: string): string | undefined {
  if (hostname.startsWith("[")) return hostname.slice(1, -1);
  if (ipaddr.IPv4.isValid(hostname) || ipaddr.IPv6.isValid(hostname)) return hostname;
  return /(^|\.)localhost$/.test(hostname) ? "127.0.0.1" : undefined;
}

/** Why a request's `callback.url` is sure to be refused, as a whole sentence; undefined: it may be called. */
export function callbackProblem(url: string, rules: UrlRules): string | undefined {
  const checked = checkUrl(url, rules);
  return checked.ok ? undefined : `callback.url ${checked.why}`;
}

/** For people and lists: without the query, which may hold a secret. */
export function shownUrl(text: string): string {
  const url = URL.parse(text);
  return url === null ? "" : `${url.origin}${url.pathname}`;
}

/** What is said of a request's `callback.url` before the request is let through; undefined where it may be called. Pure. */
export type CallbackCheck = (url: string) => string | undefined;

/** @param secret_key SLUICE_SECRET_KEY: without it no callback could be signed, and none is sent. */
export function callbackCheck(settings: WebhooksSettings, secret_key: string | undefined): CallbackCheck {
  const rules = urlRulesOf(settings);
  return (url) => {
    if (secret_key === undefined)
      return "callback.url: callbacks are off here; whoever runs Sluice sets SLUICE_SECRET_KEY to have them";
    return callbackProblem(url, rules);
  };
}
