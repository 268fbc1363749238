/** Words of the calendar and of times of day, each with what stands for it. Our own table. */

const DAYS = "monday mon tuesday tue tues wednesday wed thursday thu thurs friday fri saturday sat sunday sun";
const MONTHS =
  "january jan february feb march april apr may june jun july jul august aug september sep sept october oct november nov december dec";

/** Several months and days are other words too: these count only beside a number or after "in", "on", "of", "by", "until", "since", "last", "next". */
export const DOUBTFUL: ReadonlySet<string> = new Set("may march mon sat sun dec jan wed august".split(" "));

export const CALENDAR: ReadonlyMap<string, string> = new Map([
  ...shortened(DAYS),
  ...shortened(MONTHS),
  ...Object.entries({
    yesterday: "yesterday",
    tomorrow: "tomorrow",
    tonight: "tonight",
    weekend: "weekend",
    weekends: "weekend",
    weekday: "weekday",
    weekdays: "weekday",
    noon: "noon",
    midday: "noon",
    midnight: "midnight",
    morning: "morning",
    mornings: "morning",
    afternoon: "afternoon",
    afternoons: "afternoon",
    evening: "evening",
    evenings: "evening",
    night: "night",
    nights: "night",
    spring: "spring",
    summer: "summer",
    autumn: "autumn",
    winter: "winter",
    christmas: "christmas",
    xmas: "christmas",
    easter: "easter",
    halloween: "halloween",
    ramadan: "ramadan",
    diwali: "diwali",
    thanksgiving: "thanksgiving",
    hanukkah: "hanukkah",
    daily: "daily",
    weekly: "weekly",
    fortnightly: "fortnightly",
    monthly: "monthly",
    quarterly: "quarterly",
    yearly: "yearly",
    annually: "yearly",
    annual: "yearly",
    hourly: "hourly",
    am: "am",
    pm: "pm",
  }),
]);

/** "every month" and "per month" are monthly; "last month" and the like are words of their own. */
export const PERIODS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    hour: "hourly",
    day: "daily",
    week: "weekly",
    month: "monthly",
    quarter: "quarterly",
    year: "yearly",
    decade: "decade",
    century: "century",
    days: "daily",
    weeks: "weekly",
    months: "monthly",
    years: "yearly",
    hours: "hourly",
  }),
);

/** Each short form after its long form, by their beginnings. */
function shortened(names: string): readonly (readonly [string, string])[] {
  let whole = "";
  return names.split(" ").map((name) => {
    if (!whole.startsWith(name)) whole = name;
    return [name, whole] as const;
  });
}
