/** A link to another page of the console. */
import type { ComponentChildren } from "preact";
import { followLink } from "../router.ts";

type LinkProps = {
  /** From `hrefOf`. */
  readonly href: string;
  readonly class?: string;
  readonly title?: string;
  readonly current?: boolean;
  readonly children: ComponentChildren;
};

export function Link({ href, class: name, title, current = false, children }: LinkProps) {
  return (
    <a href={href} class={name} title={title} aria-current={current ? "page" : undefined} onClick={followLink}>
      {children}
    </a>
  );
}
