/** Text as it is: JSON indented, in a box that scrolls, to be copied by a button. */
import { toast } from "./toast.tsx";

export function Code({ label, value }: { readonly label: string; readonly value: unknown }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <div class="code">
      <button type="button" class="copy" onClick={() => void copy(text)}>
        Copy
      </button>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section tabIndex={0} aria-label={label}>
        <pre>{text}</pre>
      </section>
    </div>
  );
}

/** A short text such as an id, which a click copies. */
export function Copyable({ text }: { readonly text: string }) {
  return (
    <button type="button" class="copyable mono" title={`Copy ${text}`} onClick={() => void copy(text)}>
      {text}
    </button>
  );
}

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser does not let it be copied; mark it and copy by hand.", "failed");
  }
}
