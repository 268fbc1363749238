/** The console: signs in, then shows the pages. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiFailure, whoHas } from "./api.ts";
import { session, signIn, signOut } from "./session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign-in.tsx";
import { useStore } from "./store.ts";
import { Failed, Loading } from "./ui/states.tsx";

function Console() {
  const { key, me, why } = useStore(session);
  if (key === undefined) return <SignIn why={why} />;
  return me === undefined ? <Known key={key} of={key} /> : <Shell me={me} />;
}

/** The key of before the page was loaded anew: is it one still? */
function Known({ of }: { readonly of: string }) {
  const [error, setError] = useState<ApiFailure>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    setError(undefined);
    whoHas(of).then(
      (me) => signIn(of, me),
      (failure: unknown) => {
        if (!(failure instanceof ApiFailure)) throw failure;
        if (failure.status === 401) signOut(failure.message);
        else setError(failure);
      },
    );
  }, [of, tries]);
  return <main>{error === undefined ? <Loading /> : <Failed error={error} retry={() => setTries(tries + 1)} />}</main>;
}

const root = document.getElementById("app");
if (root !== null) render(<Console />, root);
