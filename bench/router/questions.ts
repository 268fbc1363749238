/** Questions made from parts, each but once: what was asked before would be answered from memory. Pure. */

const VERBS = ["cancel", "renew", "track", "return", "upgrade", "insure", "book", "repair", "rent", "sell", "compare"];
const THINGS = [
  ...[
    "bicycle",
    "phone contract",
    "library card",
    "train ticket",
    "washing machine",
    "garden shed",
    "violin",
    "sailing boat",
  ],
  ...[
    "parking permit",
    "dental appointment",
    "water heater",
    "laptop",
    "season pass",
    "electricity meter",
    "wedding ring",
  ],
  ...[
    "language course",
    "museum visit",
    "camper van",
    "bank account",
    "fishing licence",
    "coffee machine",
    "tax return",
  ],
];
const PLACES = [
  ...[
    "Lisbon",
    "Oslo",
    "Nairobi",
    "Kyoto",
    "Quito",
    "Leeds",
    "Tallinn",
    "Perth",
    "Lima",
    "Hanoi",
    "Dakar",
    "Ghent",
    "Turin",
  ],
  ...[
    "Cork",
    "Malmo",
    "Split",
    "Bergen",
    "Porto",
    "Graz",
    "Basel",
    "Leipzig",
    "Lyon",
    "Bilbao",
    "Krakow",
    "Riga",
    "Bath",
  ],
];
const TIMES = [
  "today",
  "next week",
  "in spring",
  "after work",
  "at the weekend",
  "before noon",
  "on a holiday",
  "in autumn",
];
const ENDS = [
  "without a receipt",
  "by phone",
  "as a student",
  "for two people",
  "at short notice",
  "online",
  "in cash",
];

/** So many differ. */
export const QUESTIONS_MAX = VERBS.length * THINGS.length * PLACES.length * TIMES.length * ENDS.length;

/** Neighbours in number are far apart in words. */
export function question(number: number): string {
  let rest = number;
  const [place, verb, thing, time, end] = [PLACES, VERBS, THINGS, TIMES, ENDS].map((parts) => {
    const part = parts[rest % parts.length] as string;
    rest = Math.floor(rest / parts.length);
    return part;
  });
  return `How do I ${verb} a ${thing} in ${place} ${time} ${end}?`;
}

const WAYS = [
  ...[
    "What is the way to",
    "Please tell me how to",
    "Can you explain how to",
    "I would like to know how to",
    "How can I",
  ],
  ...["What must I do to", "Which steps does it take to", "I need to know how one may"],
];

/** So many ways there are to ask one question. */
export const WAYS_MAX = WAYS.length;

/** The same in other words. */
export function reworded(number: number, way: number): string {
  return question(number).replace("How do I", WAYS[way % WAYS_MAX] as string);
}
