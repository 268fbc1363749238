/** One dead letter: what it is, what a redrive would do with it, and its bytes. */
import { bytes } from "../format.ts";
import { usePoll } from "../poll.ts";
import { hrefOf } from "../router.ts";
import { Badge, type Tone } from "../ui/badge.tsx";
import { Code, Copyable } from "../ui/code.tsx";
import { Button } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { RequestLink } from "../ui/request-link.tsx";
import { Loaded } from "../ui/states.tsx";
import { Time } from "../ui/time.tsx";
import type { Asked } from "./dead-letter-acts.tsx";

export type Letter = {
  readonly id: string;
  readonly at_ms: number;
  readonly code: string;
  readonly service: string;
  readonly message: string;
  readonly original: { readonly topic: string; readonly partition: number; readonly offset: number } | null;
  readonly redrives: number;
  readonly bytes: number;
  readonly tenant: string | null;
  readonly request: string | null;
  readonly state: "waiting" | "redriven" | "dropped";
  readonly handled: {
    readonly at_ms: number;
    readonly by: string;
    readonly why?: string;
    readonly target?: string;
  } | null;
};
type WholeLetter = Letter & {
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string | null;
  readonly value_is: "text" | "hex";
  readonly value_cut: boolean;
  readonly ended: string | null;
  readonly plan: { readonly kind: string; readonly target: string | null; readonly message: string | null };
};
export type Ask = { readonly ask: (asked: Asked) => void };

export const TONES: Readonly<Record<Letter["state"], Tone>> = { waiting: "warn", redriven: "good", dropped: "quiet" };

export function OneLetter({ place, ask }: Ask & { readonly place: string }) {
  const found = usePoll<WholeLetter>(`/admin/dead-letters/${encodeURIComponent(place)}`, 10_000);
  const letter = found.data;
  const filter = { places: [place] };
  const what = `the letter ${place}`;
  return (
    <>
      <PageHead
        title={<span class="mono">{place}</span>}
        side={
          <>
            <Link href={hrefOf(["dead-letters"])}>All reasons</Link>
            {letter?.state === "waiting" ? (
              <>
                <Button onClick={() => ask({ act: "redrive", filter, what })}>Redrive…</Button>
                <Button kind="danger" onClick={() => ask({ act: "drop", filter, what })}>
                  Drop…
                </Button>
              </>
            ) : null}
          </>
        }
      />
      <Loaded of={found}>{(one) => <Detail letter={one} />}</Loaded>
    </>
  );
}

const PLANS: Readonly<Record<string, string>> = {
  back: "it goes on its way, to",
  run: "it is run once more as a request of its own, by",
  left: "nothing",
};

function Detail({ letter }: { readonly letter: WholeLetter }) {
  const { original, handled, plan } = letter;
  return (
    <>
      <Panel title="What it is" side={<Badge tone={TONES[letter.state]}>{letter.state}</Badge>}>
        <Facts
          of={[
            ["Reason", <code key="code">{letter.code}</code>],
            ["Message", letter.message],
            ["Given up by", letter.service],
            ["Stood on", original === null ? null : `${original.topic}, ${original.partition}:${original.offset}`],
            ["When", <Time key="at" at={letter.at_ms} />],
            ["Tenant", letter.tenant],
            [
              "Request",
              letter.request === null ? null : <RequestLink key="request" tenant={letter.tenant} id={letter.request} />,
            ],
            ["Its request ended", letter.ended],
            ["Key", letter.key === null ? null : <Copyable key="key" text={letter.key} />],
            [
              "A redrive would do",
              [PLANS[plan.kind], plan.target ?? plan.message].filter((part) => part != null).join(": "),
            ],
            [
              "Dealt with",
              handled === null ? null : `by ${handled.by}${handled.why === undefined ? "" : `: ${handled.why}`}`,
            ],
          ]}
        />
      </Panel>
      <Panel title={letter.value_is === "hex" ? "Value, in hex" : "Value"} side={bytes(letter.bytes)}>
        {letter.value_cut ? <p class="quiet">Only the beginning is shown.</p> : null}
        <Code label="The record's value" value={letter.value ?? "(no value)"} />
      </Panel>
      <Panel title="Headers">
        <Code label="The record's headers" value={letter.headers} />
      </Panel>
    </>
  );
}
