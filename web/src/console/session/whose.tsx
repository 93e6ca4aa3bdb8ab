// Whose session it is, and until when. The time is the token's own; it is the service that ends it.
import { Button } from '../../shared/button.tsx';
import { Countdown } from '../../shared/countdown.tsx';
import type { Access } from './access.ts';
import type { Session } from './session.ts';

export function Whose({ session, access }: { readonly session: Session; readonly access: Access }) {
  return (
    <div className="whose">
      <p>
        <span className="whose-name">{access.operator}</span>
        <span className="small soft">
          {' '}
          signed in, ends in{' '}
          <Countdown until={new Date(access.endsAtMs).toISOString()} label="Session ends in" />
        </span>
      </p>
      <Button look="plain" onClick={() => session.signOut()}>
        Sign out
      </Button>
    </div>
  );
}
