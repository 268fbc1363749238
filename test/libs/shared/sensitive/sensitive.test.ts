import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { sensitiveKind } from "../../../../libs/shared/sensitive/sensitive.ts";

const FOUND: readonly (readonly [string, string])[] = [
  ["email", "Please write to jane.doe+news@mail.example.co.uk about it"],
  ["email", "contact: a_b@example.org."],
  ["phone", "Call me at +49 170 1234567 tonight"],
  ["phone", "my number is (555) 867-5309"],
  ["phone", "reach me on 555-867-5309"],
  ["phone", "my phone is 0170 1234567"],
  ["card", "my card 4111 1111 1111 1111 was declined"],
  ["card", "charge 378282246310005"],
  ["card", "5555-5555-5555-4444"],
  ["iban", "Transfer it to DE89 3704 0044 0532 0130 00 please"],
  ["iban", "GB82WEST12345698765432"],
  ["iban", "my account FR14 2004 1010 0505 0001 3M02 606 is closed"],
  ["national_id", "my SSN is 078-05-1120"],
  ["national_id", "passport number 533401372 expired"],
  ["national_id", "Aadhaar: 2345 6789 0123"],
  ["api_key", `why is ${"sk-"}${"a1B2".repeat(8)} refused?`],
  ["api_key", `${"AKIA"}IOSFODNN7EXAMPLE`],
  ["api_key", `${"ghp_"}${"x9".repeat(18)}`],
  ["api_key", `${"xoxb-"}123456789012-abcdefABCDEF`],
  ["api_key", `curl -H 'Authorization: ${"Bearer"} ${"q7w8".repeat(8)}'`],
  ["private_key", `-----BEGIN ${"RSA PRIVATE KEY"}-----\nMIIE`],
  ["jwt", `${"eyJ"}hbGciOiJIUzI1NiJ9.${"eyJ"}zdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz`],
  ["password", "password: hunter2"],
  ["password", "my password is Tr0ub4dor&3, is it good?"],
  ["password", 'api_key = "9f8a7b6c5d"'],
  ["password", "PASSWORD=letmein"],
  ["password", "connect to postgres://app:s3cret@db:5432/x"],
];

const NOT_FOUND: readonly string[] = [
  "",
  "How do I reset my password?",
  "My password is wrong, what now?",
  "password: how do I choose a good one?",
  "What is an API key and where is it kept?",
  "Why is my token expired?",
  `set PASSWORD=$${"{DB_PASSWORD}"} in the file`,
  'const password = process.env["PASSWORD"];',
  "What does @media do in CSS?",
  "user@host: command not found",
  "npm install @types/node@24.1.0",
  "Is 192.168.178.21 a private address?",
  "ping 8.8.8.8",
  "What happened on 2024-03-12 at 10:15:00?",
  "between 1914-1918 and 1939-1945",
  "Order 12345678 has not arrived",
  "order number 4111 1111 1111 1112",
  "What is 1234567890123456 divided by 7?",
  "pi is 3.14159265358979323846",
  "commit 3f2a9c1d7e5b4a6c8d9e0f1a2b3c4d5e6f708192",
  "id 550e8400-e29b-41d4-a716-446655440000",
  "1,000,000,000 people",
  "ISBN 978-3-16-148410-0",
  "version 10.15.7.1 against 10.15.7.2",
  "How do I make a sk-learn pipeline?",
  "What does -----BEGIN CERTIFICATE----- mean?",
  "What is a private key?",
  "GB is a country code, DE12 is not an account",
  "the tokens are 1024 and 2048 long",
];

describe("personal data and secrets", () => {
  for (const [kind, text] of FOUND) {
    test(`${kind}: ${text.slice(0, 40)}`, () => assert.equal(sensitiveKind(text), kind));
    test(`${kind} in a longer text: ${text.slice(0, 30)}`, () =>
      assert.equal(sensitiveKind(`Hello there.\n\n${text}\nThank you.`), kind));
  }
  for (const text of NOT_FOUND) {
    test(`nothing in: ${text.slice(0, 50)}`, () => assert.equal(sensitiveKind(text), undefined));
  }

  test("any text is answered", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        const kind = sensitiveKind(text);
        assert.ok(kind === undefined || kind.length > 0);
      }),
    );
  });

  test("long hostile texts are answered", () => {
    for (const unit of [
      "1",
      "1 ",
      "a@",
      "a.",
      "eyJa.",
      "DE12 ",
      "sk-",
      "password: ",
      "+",
      "(1)",
      "://a:",
      "-----BEGIN ",
      "Bearer ",
    ]) {
      sensitiveKind(unit.repeat(Math.ceil(100_000 / unit.length)));
    }
  });
});
