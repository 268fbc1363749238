/** A request's whole way: each hop in order, where the time went, each call, and the money. */
import type { Explanation, Span, Step } from "../../../../../libs/shared/explain/explanation.ts";
import { count, duration, percent, usd, utcText } from "../format.ts";
import { usePoll } from "../poll.ts";
import { hrefOf, queryText } from "../router.ts";
import { Status } from "../ui/badge.tsx";
import { Link } from "../ui/link.tsx";
import { Facts, Panel } from "../ui/panel.tsx";
import { Loaded } from "../ui/states.tsx";
import { Table } from "../ui/table.tsx";
import { Time } from "../ui/time.tsx";

/** It looks at stretches of topics: not often. */
const REFRESH_MS = 5_000;

type WayProps = { readonly tenant: string; readonly id: string; readonly ended: boolean };

export function RequestWay({ tenant, id, ended }: WayProps) {
  const path = `/v1/requests/${encodeURIComponent(id)}/explain?${queryText({ tenant })}`;
  const way = usePoll<Explanation>(path, ended ? 0 : REFRESH_MS);
  return (
    <Loaded of={way} lines={8}>
      {(explanation) => (
        <>
          <Panel
            title="Its way"
            side={explanation.total_ms === undefined ? null : `${duration(explanation.total_ms)} in all`}
          >
            <TimeBar of={explanation.time} />
            <Steps of={explanation} />
            {explanation.notes.length === 0 ? null : (
              <ul class="notes">
                {explanation.notes.map((note) => (
                  <li key={note}>{note}</li>
                ))}
              </ul>
            )}
          </Panel>
          <Calls of={explanation} />
          <Money of={explanation} />
          <Links of={explanation} tenant={tenant} />
        </>
      )}
    </Loaded>
  );
}

const COLOURS: Readonly<Record<Span["of"], string>> = {
  ...{ topics: "c4", deferred: "c7", retry: "c7", ingest: "c6", router: "c2", inference: "c3" },
  ...{ turn: "c7", model: "c1", results: "c5", other: "c0" },
};

/** Where the time went. */
function TimeBar({ of }: { readonly of: readonly Span[] }) {
  const spans = of.filter(({ ms }) => ms > 0);
  const total_ms = spans.reduce((sum, { ms }) => sum + ms, 0);
  if (total_ms === 0) return null;
  return (
    <figure class="time-bar">
      <div aria-hidden="true">
        {spans.map((span) => (
          <span key={span.of} class={COLOURS[span.of]} style={{ flexGrow: span.ms / total_ms }} />
        ))}
      </div>
      <figcaption>
        {spans.map((span) => (
          <span key={span.of} class="time-part">
            <i class={COLOURS[span.of]} /> {span.of} {duration(span.ms)}{" "}
            <span class="quiet">{percent(span.ms / total_ms)}</span>
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function Steps({ of: { steps, steps_left_out, now, received_ms } }: { readonly of: Explanation }) {
  const start_ms = received_ms ?? steps[0]?.at_ms ?? 0;
  return (
    <ol class="timeline">
      {steps.map((step, at) => (
        <li key={`${step.at_ms} ${step.service} ${at}`}>
          <div class="timeline-head">
            <strong>{step.service}</strong> <span>{step.what}</span> <Since at_ms={step.at_ms} start_ms={start_ms} />
          </div>
          <div class="quiet">{wordsOf(step)}</div>
        </li>
      ))}
      {steps_left_out > 0 ? <li class="quiet">{count(steps_left_out)} hops between were not kept.</li> : null}
      {now === undefined ? null : (
        <li class="timeline-now">
          <div class="timeline-head">
            <strong>now</strong> <span>{now.what}</span>
          </div>
        </li>
      )}
    </ol>
  );
}

/** After the request came. */
function Since({ at_ms, start_ms }: { readonly at_ms: number; readonly start_ms: number }) {
  return (
    <time dateTime={new Date(at_ms).toISOString()} title={utcText(at_ms)}>
      {at_ms < start_ms ? "before" : `+${duration(at_ms - start_ms)}`}
    </time>
  );
}

function wordsOf({ waited_ms, worked_ms, topic, partition, offset, details }: Step): string {
  return [
    waited_ms === undefined ? "" : `waited ${duration(waited_ms)}`,
    worked_ms === undefined ? "" : `took ${duration(worked_ms)}`,
    topic === undefined ? "" : `${topic} ${partition}@${offset}`,
    ...Object.entries(details ?? {}).map(([name, value]) =>
      name === "cost_usd" ? `cost ${usd(Number(value))}` : `${name.replaceAll("_", " ")} ${value}`,
    ),
  ]
    .filter((one) => one !== "")
    .join(" · ");
}

function Calls({ of: { attempts, attempts_total, cache } }: { readonly of: Explanation }) {
  if (attempts.length === 0 && cache === undefined) return null;
  return (
    <Panel
      title="Calls and cache"
      side={attempts_total > attempts.length ? `${count(attempts_total)} calls in all` : null}
    >
      {cache === undefined ? null : (
        <Facts
          of={[
            ["Cache", cache.outcome],
            ["Entry", cache.entry],
            [
              "Alike",
              cache.similarity === undefined
                ? undefined
                : `${cache.similarity.toFixed(3)}, needed ${cache.threshold?.toFixed(3) ?? "–"}`,
            ],
            ["Became", cache.filled],
          ]}
        />
      )}
      {attempts.length === 0 ? null : (
        <Table
          label="Calls of models"
          rows={attempts}
          keyOf={({ at_ms, tier }) => `${at_ms} ${tier}`}
          columns={[
            { title: "Sent", cell: ({ at_ms }) => <Time at={at_ms} /> },
            { title: "Tier", cell: ({ tier }) => tier },
            { title: "Model", cell: ({ model }) => model },
            { title: "Endpoint", cell: ({ endpoint }) => endpoint ?? "–" },
            {
              title: "Came to",
              cell: ({ outcome, status }) => (
                <>
                  <Status of={outcome} /> {status ?? ""}
                </>
              ),
            },
            { title: "Waited", numeric: true, cell: ({ waited_ms }) => duration(waited_ms) },
            { title: "Took", numeric: true, cell: ({ duration_ms }) => duration(duration_ms) },
            { title: "Cost", numeric: true, cell: ({ cost_usd }) => usd(cost_usd) },
          ]}
        />
      )}
    </Panel>
  );
}

function Money({ of: { money } }: { readonly of: Explanation }) {
  if (money.scopes.length === 0 && money.cost_usd === undefined && money.reserved_usd === undefined) return null;
  return (
    <Panel title="Money">
      <Facts
        of={[
          ["Cost", money.cost_usd === undefined ? undefined : usd(money.cost_usd)],
          [
            "Held, then settled",
            money.reserved_usd === undefined ? undefined : `${usd(money.reserved_usd)}, ${usd(money.settled_usd)}`,
          ],
          ["Prices", money.price_version],
          [
            "Unknown calls",
            money.unknown_calls === undefined ? undefined : `${count(money.unknown_calls)} that may be billed`,
          ],
        ]}
      />
      {money.scopes.length === 0 ? null : (
        <Table
          label="Budgets that it counts in"
          rows={money.scopes}
          keyOf={({ scope, subject, window }) => `${scope} ${subject} ${window}`}
          columns={[
            {
              title: "Scope",
              cell: ({ scope, subject }) => `${scope.replaceAll("_", " ")}${subject === "" ? "" : ` ${subject}`}`,
            },
            { title: "Window", cell: ({ window }) => window || "–" },
            { title: "Spent", numeric: true, cell: ({ settled_usd }) => usd(settled_usd) },
            { title: "Held", numeric: true, cell: ({ reserved_usd }) => usd(reserved_usd) },
            { title: "Cap", numeric: true, cell: ({ cap_usd }) => (cap_usd === null ? "no cap" : usd(cap_usd)) },
          ]}
        />
      )}
    </Panel>
  );
}

function Links({ of, tenant }: { readonly of: Explanation; readonly tenant: string }) {
  const { links, deliveries, dead_letters } = of;
  const request = (id: string) => <Link href={hrefOf(["requests", tenant, id])}>{id}</Link>;
  const facts = [
    [
      "Batch or map-reduce",
      links.job === undefined ? undefined : (
        <Link
          key="job"
          href={hrefOf(["jobs", links.job], { kind: links.job.startsWith("batch") ? "batch" : "map_reduce" })}
        >
          {links.job}
        </Link>
      ),
    ],
    ["Original", links.original === undefined ? undefined : request(links.original)],
    ["Corrected by", links.corrected_by],
    ["Replay", links.replay === undefined ? undefined : `${links.replay.id} (${links.replay.mode})`],
    ...links.runs.map(({ id, status }) => [
      "Made from it",
      <span key={id}>
        {request(id)} <Status of={status} />
      </span>,
    ]),
    ...deliveries.map(({ id, url, status, attempts }) => [
      "Told",
      <span key={id}>
        <Status of={status} /> {url}, {count(attempts.length)} attempts
      </span>,
    ]),
    ...dead_letters.map(({ code, service, at_ms, action }) => [
      "Dead letter",
      <span key={`${code} ${at_ms}`}>
        {code} by {service} at <Time at={at_ms} />
        {action === undefined ? "" : `, ${action}`}
      </span>,
    ]),
    ["Trace", links.traceparent],
  ] as const;
  if (facts.every(([, value]) => value === undefined)) return null;
  return (
    <Panel title="What belongs to it">
      <Facts of={facts as Parameters<typeof Facts>[0]["of"]} />
    </Panel>
  );
}
