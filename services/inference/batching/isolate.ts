/**
 * When one member spoils a batch, the others shall not fail with it: a batch that is refused is sent again in halves, until the
 * culprit is alone (binary splitting, as in group testing: Dorfman 1943; Hwang 1972). IO only through `send`.
 *
 * Calls for n members: one when all is well; with one culprit at most 1 + 2·⌈log2 n⌉; never more than n + 1 + 4·⌈log2 n⌉, since what
 * is not found within 4·⌈log2 n⌉ halves (enough for two culprits anywhere) is more than splitting is good for: the rest goes singly.
 */

/** Groups up to this size go singly at once: halving them takes as many calls and more rounds. */
const SINGLES_FROM = 4;

/** What became of one call with some of the members. */
export type SendResult<Answer, Failure> =
  /** One for each member, in their order. */
  | { readonly kind: "answers"; readonly answers: readonly Answer[] }
  /** The request itself was refused (`spoils`): one of the members may be to blame. */
  | { readonly kind: "spoiled"; readonly failure: Failure }
  /** The call as a whole did not work, as a batch: each member is sent alone, without halves. */
  | { readonly kind: "unbatchable"; readonly failure: Failure }
  /** Failed for a reason that is no member's (429, 5xx, no answer): nothing is sent again here. */
  | { readonly kind: "failed"; readonly failure: Failure };

export type Isolated<Answer, Failure> =
  | { readonly kind: "answered"; readonly answer: Answer }
  /** Refused when it was alone. */
  | { readonly kind: "refused"; readonly failure: Failure }
  /** Failed for a reason that is not its own. */
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * True for a status by which a provider refuses a request for what is in it. 404 is not among them: model and path are the same for
 * all members, so all share its failure.
 */
export function spoils(status: number): boolean {
  return status === 400 || status === 413 || status === 422;
}

type Group<Member> = { readonly from: number; readonly members: readonly Member[] };

/**
 * Sends all members together, then what was refused in ever smaller groups. Returns an end for each member, in their order.
 * @param send makes one call; the groups of one round are sent at the same time, so `send` itself waits for room.
 */
export async function isolateFailures<Member, Answer, Failure>(
  members: readonly Member[],
  send: (members: readonly Member[]) => Promise<SendResult<Answer, Failure>>,
): Promise<readonly Isolated<Answer, Failure>[]> {
  const ends = new Array<Isolated<Answer, Failure>>(members.length);
  let halves_left = 4 * Math.ceil(Math.log2(Math.max(1, members.length)));
  let round: Group<Member>[] = members.length === 0 ? [] : [{ from: 0, members }];
  while (round.length > 0) {
    const results = await Promise.all(round.map((group) => send(group.members)));
    const spoiled: Group<Member>[] = [];
    const next: Group<Member>[] = [];
    for (const [at, group] of round.entries()) {
      const result = results[at] as SendResult<Answer, Failure>;
      if (result.kind === "spoiled" && group.members.length > 1) spoiled.push(group);
      else if (result.kind === "unbatchable" && group.members.length > 1) next.push(...cut(group, 1));
      else settle(ends, group, result);
    }
    const halving = spoiled.filter((group) => group.members.length > SINGLES_FROM);
    const affordable = 2 * halving.length <= halves_left;
    if (affordable) halves_left -= 2 * halving.length;
    for (const group of spoiled) {
      const halved = affordable && group.members.length > SINGLES_FROM;
      next.push(...cut(group, halved ? Math.ceil(group.members.length / 2) : 1));
    }
    round = next;
  }
  return ends;
}

/** The group in pieces of `size`, the last of them perhaps smaller. */
function cut<Member>({ from, members }: Group<Member>, size: number): Group<Member>[] {
  return Array.from({ length: Math.ceil(members.length / size) }, (_, at) => ({
    from: from + at * size,
    members: members.slice(at * size, (at + 1) * size),
  }));
}

function settle<Member, Answer, Failure>(
  ends: Isolated<Answer, Failure>[],
  { from, members }: Group<Member>,
  result: SendResult<Answer, Failure>,
): void {
  if (result.kind === "answers" && result.answers.length !== members.length) {
    throw new Error(`${members.length} members were given ${result.answers.length} answers`);
  }
  for (const at of members.keys()) {
    if (result.kind === "answers") ends[from + at] = { kind: "answered", answer: result.answers[at] as Answer };
    else ends[from + at] = { kind: result.kind === "failed" ? "failed" : "refused", failure: result.failure };
  }
}
