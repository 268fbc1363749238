/** A request that has not ended: its states and tokens as they come. */
import { useEffect, useState } from "preact/hooks";
import { ApiFailure } from "../api.ts";
import { duration } from "../format.ts";
import { follow, type ServerEvent } from "../sse.ts";
import { Badge } from "../ui/badge.tsx";
import { Panel } from "../ui/panel.tsx";
import { Time } from "../ui/time.tsx";

type State = { readonly at_ms: number; readonly name: string; readonly words: string };

const STATES_MAX = 50;

type LiveProps = {
  /** Of its events. */
  readonly path: string;
  /** It has ended: the Result is there. */
  readonly ended: () => void;
};

export function RequestLive({ path, ended }: LiveProps) {
  const [states, setStates] = useState<readonly State[]>([]);
  const [text, setText] = useState("");
  const [error, setError] = useState<string>();

  useEffect(() => {
    const stopped = new AbortController();
    const on = ({ event, data }: ServerEvent): "done" | undefined => {
      if (event === "ended") {
        ended();
        return "done";
      }
      if (event === "token") setText((last) => last + deltaOf(data));
      else {
        // What another attempt said is void.
        if (event === "attempt") setText("");
        setStates((last) =>
          [...last, { at_ms: Date.now(), name: event, words: wordsOf(event, data) }].slice(-STATES_MAX),
        );
      }
      return undefined;
    };
    follow(path, on, stopped.signal).catch((failure: unknown) => {
      setError(failure instanceof ApiFailure ? failure.message : String(failure));
    });
    return () => stopped.abort();
  }, [path]);

  return (
    <Panel title="Live" side={<Badge tone="busy">waiting for its end</Badge>}>
      {error === undefined ? null : <p class="stale">{error}</p>}
      <ol class="states">
        {states.map(({ at_ms, name, words }, at) => (
          <li key={`${at_ms} ${at}`}>
            <Time at={at_ms} /> <strong>{name}</strong> {words}
          </li>
        ))}
        {states.length === 0 ? <li class="quiet">Nothing has happened yet.</li> : null}
      </ol>
      {text === "" ? null : (
        <p class="tokens" role="log" aria-label="The answer as it comes">
          {text}
        </p>
      )}
    </Panel>
  );
}

/** The text of a chat chunk. */
function deltaOf(data: string): string {
  const { choices } = read(data) as { choices?: readonly { delta?: { content?: unknown } }[] };
  const content = choices?.[0]?.delta?.content;
  return typeof content === "string" ? content : "";
}

function wordsOf(event: string, data: string): string {
  const { tier, model, cache, attempt, round, until_ms, due_ms } = read(data);
  const at_ms = until_ms ?? due_ms;
  return [
    tier === undefined ? "" : `to ${tier}${model === undefined ? "" : `, ${model}`}`,
    cache === undefined ? "" : `cache ${cache}`,
    attempt === undefined || event === "routed" ? "" : `attempt ${attempt}`,
    round === undefined ? "" : `round ${round}`,
    typeof at_ms === "number" ? `in ${duration(Math.max(0, at_ms - Date.now()))}` : "",
  ]
    .filter((one) => one !== "")
    .join("; ");
}

function read(data: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(data);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
