/** A part of a page under a title of its own. */
import type { ComponentChildren } from "preact";

type PanelProps = {
  readonly title: string;
  /** At the right of the title: buttons, a word. */
  readonly side?: ComponentChildren;
  readonly children: ComponentChildren;
};

export function Panel({ title, side, children }: PanelProps) {
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{title}</h2>
        {side === undefined ? null : <div class="panel-side">{side}</div>}
      </header>
      {children}
    </section>
  );
}

/** The first line of a page. */
export function PageHead({ title, side }: { readonly title: ComponentChildren; readonly side?: ComponentChildren }) {
  return (
    <header class="page-head">
      <h1>{title}</h1>
      {side === undefined ? null : <div class="panel-side">{side}</div>}
    </header>
  );
}

/** Names and values, one a line. What is undefined or null is left out. */
export function Facts({ of }: { readonly of: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
