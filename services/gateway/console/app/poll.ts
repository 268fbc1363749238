/** What a page shows, asked for again and again while somebody looks. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiFailure, api } from "./api.ts";

export type Polled<T> = {
  /** The last answer, also while the next one is awaited or has failed; undefined until there is one of this path. */
  readonly data: T | undefined;
  /** Of the last try. */
  readonly error: ApiFailure | undefined;
  readonly loading: boolean;
  /** Asks at once. */
  refresh(): void;
};

type State<T> = {
  readonly path: string | undefined;
  readonly data?: T | undefined;
  readonly error?: ApiFailure | undefined;
};

export type PollOptions = {
  /** Keeps showing the last answer while that of another path is awaited, so that nothing jumps. */
  readonly keep?: boolean;
};

/**
 * @param path of a GET; undefined: nothing is asked.
 * @param every_ms from an answer to the next question; 0: asked once. Nothing is asked while the page is hidden.
 */
export function usePoll<T>(path: string | undefined, every_ms = 0, { keep = false }: PollOptions = {}): Polled<T> {
  const [state, setState] = useState<State<T>>({ path });
  const [loading, setLoading] = useState(path !== undefined);
  const ask = useRef<() => void>(() => undefined);

  useEffect(() => {
    if (path === undefined) {
      setState({ path });
      setLoading(false);
      return undefined;
    }
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    const once = async (): Promise<void> => {
      clearTimeout(timer);
      if (asking || ended.signal.aborted) return;
      asking = true;
      setLoading(true);
      try {
        const data = await api<T>(path, { signal: ended.signal });
        if (!ended.signal.aborted) setState({ path, data });
      } catch (error) {
        const failure = error instanceof ApiFailure ? error : new ApiFailure(0, "error", String(error));
        if (!ended.signal.aborted)
          setState((last) => ({ path, data: last.path === path || keep ? last.data : undefined, error: failure }));
      }
      asking = false;
      if (ended.signal.aborted) return;
      setLoading(false);
      if (every_ms > 0 && !document.hidden) timer = setTimeout(once, every_ms);
    };
    const seen = (): void => {
      if (document.hidden) clearTimeout(timer);
      else if (every_ms > 0) void once();
    };
    ask.current = () => void once();
    document.addEventListener("visibilitychange", seen);
    void once();
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, every_ms, keep]);

  const refresh = useCallback(() => ask.current(), []);
  const own = state.path === path;
  return {
    data: own || keep ? state.data : undefined,
    error: own ? state.error : undefined,
    loading: loading || !own,
    refresh,
  };
}
