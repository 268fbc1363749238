/**
 * Personal data and secrets in a text, so that what one person wrote never answers another. Pure, in linear time.
 *
 * IP addresses are none of them: they are what many technical questions are about (192.168.0.1, 8.8.8.8), and seldom name a person by themselves.
 * Nor are names of people and streets: they cannot be told from others by their form, and the guard takes two names for two questions.
 */
import { hasIban, numberKind } from "./numbers.ts";

export type SensitiveKind =
  | "private_key"
  | "jwt"
  | "api_key"
  | "password"
  | "email"
  | "iban"
  | "card"
  | "phone"
  | "national_id";

/** Tokens by their issuers' documented beginnings. */
const API_KEYS: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{20,200}/,
  /\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,200}/,
  /\b(?:AKIA|ASIA|AROA)[A-Z0-9]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{30,255}/,
  /\bgithub_pat_[A-Za-z0-9_]{22,255}/,
  /\bglpat-[A-Za-z0-9_-]{20,200}/,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,200}/,
  /\bAIza[A-Za-z0-9_-]{35}/,
  /\bya29\.[A-Za-z0-9_-]{20,500}/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bhf_[A-Za-z0-9]{30,60}\b/,
  /\bdop_v1_[a-f0-9]{64}\b/,
  /\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}/,
  /\bpypi-[A-Za-z0-9_-]{50,300}/,
  /\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b/,
  /\bBearer\s{1,3}[A-Za-z0-9._~+/-]{20,2000}/i,
];
const JWT = /\beyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{4,8000}\.[A-Za-z0-9_-]{8,2000}/;
/** "password: hunter2", "api_key=…", "my password is …": a value follows that is no word of a question. */
const SECRET =
  /\b(?:password|passwd|passphrase|passcode|pwd|api[_ -]?key|secret[_ -]?key|client[_ -]?secret|access[_ -]?token|auth[_ -]?token|secret|token)["']?\s{0,3}(?:[:=]|\bis\b:?)\s{0,3}["']?([^\s"',;]{4,200})/gi;
const CREDENTIALS = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/]{1,100}:[^\s@/]{3,200}@/i;
const PRIVATE_KEY = "PRIVATE KEY";
const EMAIL = /[A-Za-z0-9_%+-]@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])/;

/** What the text holds, the worst first; undefined where nothing was found. */
export function sensitiveKind(text: string): SensitiveKind | undefined {
  if (text.includes(PRIVATE_KEY) && /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY/.test(text)) return "private_key";
  if (text.includes("eyJ") && JWT.test(text)) return "jwt";
  if (API_KEYS.some((pattern) => pattern.test(text))) return "api_key";
  if (hasSecret(text) || CREDENTIALS.test(text)) return "password";
  if (text.includes("@") && EMAIL.test(text)) return "email";
  if (hasIban(text)) return "iban";
  return numberKind(text);
}

/** Words that follow "password is" in questions about passwords. */
const WORDS =
  /^(?:[a-z]+[.?!,]?|<[^>]*>|\$\{?[A-Za-z_]+\}?|\{\{?[^}]*\}?\}?|\*+|x{3,}|\.{3,}|…+|null|undefined|process\.env.*|os\.environ.*)$/;

function hasSecret(text: string): boolean {
  for (const match of text.matchAll(SECRET)) {
    const value = match[1] ?? "";
    const isAssigned = /[:=]["'\s]*$/.test(match[0].slice(0, match[0].length - value.length));
    const isWord = WORDS.test(value);
    if (!isWord || (isAssigned && isOddWord(value, match[0]))) return true;
  }
  return false;
}

/** "password=letmein" is one; "password: how do I reset it" is none. */
function isOddWord(value: string, match: string): boolean {
  return (
    /=\s{0,3}["']?[^\s"',;]+$/.test(match) &&
    /^[a-z]{6,}$/.test(value) &&
    !/^(?:string|number|process|config|options|request|getpass|prompt|secret|password|value)$/.test(value)
  );
}
