/** The first page for whoever is not signed in: an API key is asked for and looked at. */
import { useState } from "preact/hooks";
import { ApiFailure, whoHas } from "./api.ts";
import { signIn } from "./session.ts";
import { Button, TextField } from "./ui/fields.tsx";
import { Mark } from "./ui/mark.tsx";

export function SignIn({ why }: { readonly why: string | undefined }) {
  const [key, setKey] = useState("");
  const [error, setError] = useState(why);
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    const given = key.trim();
    setBusy(true);
    try {
      signIn(given, await whoHas(given));
    } catch (failure) {
      setError(failure instanceof ApiFailure ? failure.message : String(failure));
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h1>
          <Mark /> Sluice
        </h1>
        <p>Sign in with an API key. A key with the scope admin sees every tenant, any other its own.</p>
        <p class="quiet">
          <code>npm start</code> prints one; <code>npx sluice keys create --help</code> tells how to make more.
        </p>
        <TextField
          label="API key"
          type="password"
          value={key}
          onChange={setKey}
          placeholder="slc_…"
          hint="It is kept until this tab is closed."
          error={error}
          autofocus
          mono
        />
        <Button kind="main" type="submit" disabled={busy || key.trim() === ""}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
