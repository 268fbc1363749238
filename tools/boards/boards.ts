/** All boards, in the order in which they answer questions. Pure. */
import { GROUPS } from "./groups.ts";
import { MONEY } from "./money.ts";
import { OVERVIEW } from "./overview.ts";
import type { Board } from "./panels.ts";
import { PARTS } from "./parts.ts";
import { TIERS } from "./tiers.ts";

export const BOARDS: readonly Board[] = [OVERVIEW, GROUPS, TIERS, MONEY, PARTS];
