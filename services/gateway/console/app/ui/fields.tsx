/** Buttons and form fields, each with its label. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

type ButtonProps = {
  readonly kind?: "plain" | "main" | "danger";
  readonly type?: "button" | "submit";
  readonly disabled?: boolean;
  readonly title?: string;
  readonly onClick?: () => void;
  readonly children: ComponentChildren;
};

export function Button({ kind = "plain", type = "button", disabled, title, onClick, children }: ButtonProps) {
  return (
    <button type={type} class={`button ${kind}`} disabled={disabled} title={title} onClick={onClick}>
      {children}
    </button>
  );
}

type FieldProps = {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: string | undefined;
  /** What is wrong with it. */
  readonly error?: string | undefined;
};

type TextProps = FieldProps & {
  readonly type?: "text" | "search" | "number" | "password" | "datetime-local";
  readonly placeholder?: string;
  readonly autofocus?: boolean;
  readonly autocomplete?: string;
  /** `/` goes to it. */
  readonly search?: boolean;
  readonly mono?: boolean;
};

/** `onChange` at each key. */
export function TextField(props: TextProps) {
  const { type = "text", value, onChange, placeholder, autofocus, autocomplete = "off", search, mono } = props;
  return (
    <Labelled {...props}>
      {(attributes) => (
        <input
          {...attributes}
          // Preact tells inputs apart by their types one by one.
          type={type as "text"}
          step={type === "number" ? "any" : undefined}
          value={value}
          placeholder={placeholder}
          autocomplete={autocomplete}
          spellcheck={false}
          ref={autofocus ? focusOnce : undefined}
          class={mono ? "mono" : undefined}
          data-search={search ? "" : undefined}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}

export type Choice = string | { readonly value: string; readonly text: string };

export function SelectField(props: FieldProps & { readonly options: readonly Choice[] }) {
  const { value, onChange, options } = props;
  return (
    <Labelled {...props}>
      {(attributes) => (
        <select {...attributes} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map((option) => {
            const { value: name, text } = typeof option === "string" ? { value: option, text: option } : option;
            return (
              <option key={name} value={name}>
                {text}
              </option>
            );
          })}
        </select>
      )}
    </Labelled>
  );
}

type CheckProps = { readonly label: string; readonly checked: boolean; readonly onChange: (checked: boolean) => void };

export function CheckField({ label, checked, onChange }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

type LabelledProps = Pick<FieldProps, "label" | "hint" | "error"> & {
  readonly children: (attributes: {
    id: string;
    "aria-invalid"?: true;
    "aria-describedby"?: string;
  }) => ComponentChildren;
};

function Labelled({ label, hint, error, children }: LabelledProps) {
  const id = useId();
  const said = error ?? hint;
  const attributes = {
    id,
    ...(error === undefined ? {} : { "aria-invalid": true as const }),
    ...(said === undefined ? {} : { "aria-describedby": `${id}-said` }),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(attributes)}
      {said === undefined ? null : (
        <span id={`${id}-said`} class={error === undefined ? "hint" : "wrong"}>
          {said}
        </span>
      )}
    </div>
  );
}

function focusOnce(element: HTMLElement | null): void {
  element?.focus();
}
