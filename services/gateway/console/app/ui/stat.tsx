/** One figure with its name, several of them side by side. */
import type { ComponentChildren } from "preact";

type StatProps = {
  readonly name: string;
  readonly value: ComponentChildren;
  /** A word more, below. */
  readonly note?: ComponentChildren;
  readonly tone?: "good" | "warn" | "bad";
};

export function Stat({ name, value, note, tone }: StatProps) {
  return (
    <div class={tone === undefined ? "stat" : `stat tone-${tone}`}>
      <dt>{name}</dt>
      <dd>
        <span class="stat-value">{value}</span>
        <span class="stat-note">{note ?? "\u00a0"}</span>
      </dd>
    </div>
  );
}

export function Stats({ children }: { readonly children: ComponentChildren }) {
  return <dl class="stats">{children}</dl>;
}
