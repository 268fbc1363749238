/** A word without its endings, so that "deleted", "deletes" and "deletion" meet. Pure. A few rules after M. F. Porter, An algorithm for suffix stripping (1980). */

const IRREGULAR = new Map(
  `bought buy;sold sell;sent send;spent spend;lent lend;paid pay;won win;lost lose;left leave;felt feel;kept keep;slept sleep;met meet;fed feed;led lead;
read read;wrote write;written write;began begin;begun begin;broke break;broken break;chose choose;chosen choose;drove drive;driven drive;spoke speak;
spoken speak;stole steal;stolen steal;ate eat;eaten eat;fell fall;fallen fall;gave give;given give;rose rise;risen rise;took take;taken take;saw see;seen see;
knew know;known know;grew grow;grown grow;threw throw;thrown throw;flew fly;flown fly;drew draw;drawn draw;ran run;sang sing;sung sing;swam swim;taught teach;
caught catch;thought think;brought bring;fought fight;sought seek;built build;found find;held hold;told tell;made make;said say;heard hear;stood stand;
understood understand;became become;came come;went go;gone go;got get;gotten get;hid hide;froze freeze;frozen freeze;wore wear;worn wear;
beat beat;beaten beat;bit bite;bitten bite;forgot forget;forgotten forget;woke wake;woken wake;shown show;proven prove;born bear;
men man;women woman;people person;children child;feet foot;teeth tooth;mice mouse;wolves wolf;knives knife;wives wife;lives life;leaves leaf;
better good;more more;less less;was be;were be;is be;are be;am be;been be;being be;did do;does do;done do;has have;had have;having have`
    .replaceAll("\n", "")
    .split(";")
    .map((pair) => pair.split(" ") as [string, string]),
);

/** @param word in lower case. */
export function stem(word: string): string {
  const base = IRREGULAR.get(word) ?? word;
  if (base.length < 4 || /[^a-z'_-]/.test(base)) return base;
  return ended(derived(inflected(singular(base))));
}

function singular(word: string): string {
  if (!word.endsWith("s") || /(?:ss|us|is)$/.test(word)) return word;
  if (word.endsWith("ies")) return word.length > 4 ? `${word.slice(0, -3)}y` : word.slice(0, -1);
  return /(?:ches|shes|sses|xes|zes|oes)$/.test(word) ? word.slice(0, -2) : word.slice(0, -1);
}

function inflected(word: string): string {
  if (word.endsWith("ied") && word.length > 4) return `${word.slice(0, -3)}y`;
  for (const ending of ["ing", "ed"]) {
    const base = word.slice(0, -ending.length);
    if (word.endsWith(ending) && base.length >= 3 && /[aeiouy]/.test(base))
      return /[^aeiouy]at$/.test(base) ? `${base}e` : single(base);
  }
  return word;
}

function derived(word: string): string {
  for (const [ending, instead, least] of DERIVED) {
    if (word.endsWith(ending) && word.length - ending.length >= least) return word.slice(0, -ending.length) + instead;
  }
  return word;
}

const DERIVED: readonly (readonly [ending: string, instead: string, least: number])[] = [
  ["ation", "", 4],
  ["ate", "", 4],
  ["ion", "", 4],
  ["ement", "", 4],
  ["ment", "", 3],
  ["ness", "", 4],
  ["ly", "", 4],
];

/** `stopp` is `stop`; `fall` and `pass` stay. */
function single(word: string): string {
  const last = word.at(-1);
  return last === word.at(-2) && last !== undefined && !"lsz".includes(last) ? word.slice(0, -1) : word;
}

function ended(word: string): string {
  if (word.endsWith("e") && word.length > 3) return word.slice(0, -1);
  return word.endsWith("y") && word.length > 3 ? `${word.slice(0, -1)}i` : word;
}
