// The way in: a token that was pasted. Shown as a page when nobody is signed in, and over the page when the service
// ended the session, so that what was being done is still there afterwards.
import { type FormEvent, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Dialog } from '../../shared/dialog.tsx';
import { Field } from '../../shared/field.tsx';
import { Notice } from '../../shared/notice.tsx';
import { readAccess, tokenIn } from './access.ts';
import { type Session, whyNot } from './session.ts';

export function SignInPage({
  session,
  notice,
}: {
  readonly session: Session;
  readonly notice?: string | undefined;
}) {
  return (
    <main className="sign-in" id="main">
      <h1>Holdfast console</h1>
      <p className="soft">Run a sale and watch it. For operators: sign in with an access token.</p>
      {notice !== undefined && <Notice tone="bad" title={notice} />}
      <SignInForm session={session} />
    </main>
  );
}

export function SignInAgain({ session, operator }: { readonly session: Session; readonly operator: string }) {
  return (
    <Dialog title="Sign in again" onClose={() => session.signOut()}>
      <p>
        The service no longer takes {operator}’s token: they live 15 minutes. The page is kept as it is.
        Closing this signs you out.
      </p>
      <SignInForm session={session} />
    </Dialog>
  );
}

function SignInForm({ session }: { readonly session: Session }) {
  const [pasted, setPasted] = useState('');
  const [error, setError] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const reading = readAccess(tokenIn(pasted));
    if (reading.kind === 'access') session.signIn(reading.access);
    else setError(whyNot(reading));
  };
  return (
    <form className="stack" onSubmit={submit} noValidate>
      <Field label="Access token" hint="Or the whole console link. It stays in this tab." error={error}>
        {(ties) => (
          <textarea
            {...ties}
            className="input mono"
            rows={4}
            spellCheck={false}
            autoComplete="off"
            value={pasted}
            onChange={(event) => setPasted(event.target.value)}
          />
        )}
      </Field>
      <p className="small soft">
        <code>npx holdfast token --operator</code> prints one.
      </p>
      <Button look="primary" type="submit">
        Sign in
      </Button>
    </form>
  );
}
