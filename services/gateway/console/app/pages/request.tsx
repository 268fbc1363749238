/** One request: how it stands, its tokens as they come, its answer, and its whole way. */
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { count, duration, usd } from "../format.ts";
import { usePoll } from "../poll.ts";
import { hrefOf } from "../router.ts";
import { isAdmin, type Me } from "../session.ts";
import { Status } from "../ui/badge.tsx";
import { Code, Copyable } from "../ui/code.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Button } from "../ui/fields.tsx";
import { Link } from "../ui/link.tsx";
import { Facts, PageHead, Panel } from "../ui/panel.tsx";
import { Loaded } from "../ui/states.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { RequestLive } from "./request-live.tsx";
import { RequestWay } from "./request-way.tsx";

const REFRESH_MS = 2_000;

/** The fields of a Result that are shown (docs/outputs.md). */
export type Result = {
  readonly status: string;
  readonly response?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly param?: string };
  readonly route?: {
    readonly tier: string;
    readonly model: string;
    readonly endpoint?: string;
    readonly reason: string;
    readonly cache: string;
    readonly similarity?: number;
    readonly attempts: number;
    readonly escalated_from?: string;
  };
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly cached_prompt_tokens?: number;
    readonly completion_tokens: number;
    readonly cost_usd: number;
    readonly estimated?: boolean;
  };
  readonly timing: Readonly<Partial<Record<"received" | "first_token" | "completed", number>>>;
  readonly metadata?: Readonly<Record<string, string>>;
};

type View = {
  readonly status: string;
  readonly updated_ms: number;
  readonly until_ms?: number;
  readonly result?: Result;
};

type RequestProps = { readonly me: Me; readonly tenant: string; readonly id: string };

export function RequestDetail({ me, tenant, id }: RequestProps) {
  const base = isAdmin(me)
    ? `/admin/requests/${encodeURIComponent(tenant)}/${encodeURIComponent(id)}`
    : `/v1/requests/${encodeURIComponent(id)}`;
  const [ended, setEnded] = useState(false);
  const view = usePoll<View>(base, ended ? 0 : REFRESH_MS);
  const [cancelling, setCancelling] = useState(false);
  const result = view.data?.result;
  if (result !== undefined && !ended) setEnded(true);
  const is_open = view.data !== undefined && result === undefined;
  return (
    <>
      <PageHead
        title={<Copyable text={id} />}
        side={
          <>
            {view.data === undefined ? null : <Status of={view.data.status} />}
            {is_open ? (
              <Button kind="danger" onClick={() => setCancelling(true)}>
                Cancel
              </Button>
            ) : null}
            <Link href={hrefOf(["requests"], isAdmin(me) ? { tenant } : {})}>All of {tenant}</Link>
          </>
        }
      />
      <Loaded of={view} lines={14}>
        {(data) => (
          <>
            {data.result === undefined ? (
              <RequestLive path={`${base}/events`} ended={view.refresh} />
            ) : (
              <Outcome of={data.result} />
            )}
            <RequestWay tenant={tenant} id={id} ended={data.result !== undefined} />
          </>
        )}
      </Loaded>
      {cancelling ? (
        <Confirm
          title="Cancel this request"
          act="Cancel it"
          danger
          onClose={() => setCancelling(false)}
          onConfirm={async () => {
            await api(`${base}/cancel`, { method: "POST" });
            toast("All services are told");
            view.refresh();
          }}
        >
          <p>It ends as cancelled, unless its answer is there first. What was spent on it is spent.</p>
        </Confirm>
      ) : null}
    </>
  );
}

function Outcome({ of: result }: { readonly of: Result }) {
  const { error, route, usage, timing, metadata } = result;
  const took_ms =
    timing.completed === undefined || timing.received === undefined ? undefined : timing.completed - timing.received;
  const first_ms =
    timing.first_token === undefined || timing.received === undefined
      ? undefined
      : timing.first_token - timing.received;
  const text = answerOf(result.response);
  return (
    <>
      <div class="columns">
        <Panel title="Outcome">
          <Facts
            of={[
              ["Came", <Time key="came" at={timing.received} />],
              [
                "Took",
                took_ms === undefined
                  ? undefined
                  : `${duration(took_ms)}${first_ms === undefined ? "" : `, first token after ${duration(first_ms)}`}`,
              ],
              [
                "Cost",
                usage === undefined
                  ? undefined
                  : `${usd(usage.cost_usd)}${usage.estimated ? ", by our own count" : ""}`,
              ],
              ["Tokens", usage === undefined ? undefined : tokensOf(usage)],
              ["Error", error === undefined ? undefined : <strong key="error">{error.code}</strong>],
              ["", error?.message],
              ...Object.entries(metadata ?? {}),
            ]}
          />
        </Panel>
        <Panel title="Route">
          <Facts
            of={[
              ["Tier", route?.tier ?? "–"],
              ["Model", route?.model],
              ["Endpoint", route?.endpoint],
              ["Why", route?.reason],
              [
                "Cache",
                route === undefined
                  ? undefined
                  : `${route.cache}${route.similarity === undefined ? "" : `, ${route.similarity.toFixed(3)} alike`}`,
              ],
              ["Attempts", route === undefined ? undefined : count(route.attempts)],
              ["Escalated from", route?.escalated_from],
            ]}
          />
        </Panel>
      </div>
      {text === undefined ? null : (
        <Panel title="Answer">
          <Code label="The answer" value={text} />
        </Panel>
      )}
      <details class="panel">
        <summary>The whole Result</summary>
        <Code label="The Result as JSON" value={result} />
      </details>
    </>
  );
}

function tokensOf({ prompt_tokens, cached_prompt_tokens, completion_tokens }: NonNullable<Result["usage"]>): string {
  const cached = cached_prompt_tokens ? ` (${count(cached_prompt_tokens)} cached)` : "";
  return `${count(prompt_tokens)} in${cached}, ${count(completion_tokens)} out`;
}

/** The text of a chat's first choice. */
function answerOf(response: unknown): string | undefined {
  const { choices } = (response ?? {}) as { choices?: readonly { message?: { content?: unknown } }[] };
  const content = choices?.[0]?.message?.content;
  return typeof content === "string" && content !== "" ? content : undefined;
}
