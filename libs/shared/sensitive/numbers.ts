/** Runs of digits that belong to a person: cards, accounts, phones, national ids. Pure. */

/** Digits with at most two signs between them; each attempt ends after 44 digits, so that the whole is linear. */
const DIGITS = /(?<![\w.:/-])(\+|00)?(\(?\d(?:[ .()/-]{0,2}\d){6,43})(?![\w:/])/g;
const PHONE_BEFORE = /(?:phone|mobile|cell|tel|telephone|call|whatsapp|sms|text|fax)[^\n]{0,24}$/i;
const ID_BEFORE =
  /(?:social security|ssn|sin|national (?:id|insurance)|nino|passport|tax (?:id|number)|tin|aadhaar|bsn|dni|nie|cpf|personnummer|steuer-?id|driver'?s? licen[cs]e|id card|nhs)[^\n]{0,24}$/i;
/** Characters before a number that say what it is. */
const BEFORE = 48;

export function numberKind(text: string): "card" | "phone" | "national_id" | undefined {
  for (const match of text.matchAll(DIGITS)) {
    const [, plus, run = ""] = match;
    const digits = run.replace(/\D/g, "");
    const before = text.slice(Math.max(0, match.index - BEFORE), match.index);
    if (plus === undefined && isCard(run, digits)) return "card";
    if (isNationalId(run, digits, before)) return "national_id";
    if (isPhone(plus, run, digits, before)) return "phone";
  }
  return undefined;
}

/** 13 to 19 digits as they are printed on cards, with the checksum of ISO/IEC 7812-1 (Luhn) and a first digit that card networks use. */
function isCard(run: string, digits: string): boolean {
  if (digits.length < 13 || digits.length > 19 || !/^[2-6]/.test(digits)) return false;
  return (
    /^\d+$|^(?:\d{4}[ -]){3}\d{1,7}$|^\d{4}[ -]\d{6}[ -]\d{4,5}$/.test(run) &&
    !/^(\d)\1+$/.test(digits) &&
    isLuhn(digits)
  );
}

function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at]);
    const twice = digit * 2;
    sum += at % 2 === 0 ? digit : twice > 9 ? twice - 9 : twice;
  }
  return sum % 10 === 0;
}

/** A US social security number as it is written, or a number that a word before it calls an id. */
function isNationalId(run: string, digits: string, before: string): boolean {
  if (/^(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$/.test(run)) return true;
  return digits.length <= 14 && ID_BEFORE.test(before);
}

/** With a country's code, as 555-867-5309 or (555) 867-5309, or after a word that says so. Dates and years are none. */
function isPhone(plus: string | undefined, run: string, digits: string, before: string): boolean {
  if (digits.length > 15 || /^(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}/.test(run)) return false;
  if (plus === "+" && digits.length >= 8) return true;
  if (/^\(\d{3}\) ?\d{3}[ -]?\d{4}$|^\d{3}([-.])\d{3}\1\d{4}$/.test(run)) return true;
  return digits.length >= 7 && PHONE_BEFORE.test(before);
}

const IBAN = /(?<![\w])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{2,4}){2,8}(?![\w])/g;

/** An account number of ISO 13616: its letters as numbers, the first four characters last, leave 1 when divided by 97. */
export function hasIban(text: string): boolean {
  for (const match of text.matchAll(IBAN)) if (endsInIban(match[0].replaceAll(" ", "").toUpperCase())) return true;
  return false;
}

const SHORTEST = 15;
const LONGEST = 34;

/** What follows an account number may have been read as a part of it. */
function endsInIban(text: string): boolean {
  for (let length = Math.min(text.length, LONGEST); length >= SHORTEST; length -= 1) {
    if (isIban(text.slice(0, length))) return true;
  }
  return false;
}

function isIban(account: string): boolean {
  let rest = 0;
  for (const sign of account.slice(4) + account.slice(0, 4)) {
    const value = Number.parseInt(sign, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1 && /\d{6}/.test(account);
}
