// Where the built-in issuer is off: the shop signs its shoppers in, and this page says so, with a place for a token.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { TextField } from '../../shared/field.tsx';
import { useShop } from '../shop.tsx';

export function SignIn({ wholePage = false }: { readonly wholePage?: boolean }) {
  const Title = wholePage ? 'h1' : 'h2';
  const { shopper } = useShop();
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  const [error, setError] = useState<string>();
  const take = () => {
    if (!shopper.takeToken(token)) {
      setError('This is not a token, or it has run out. Ask the shop for a new one.');
      return;
    }
    setError(undefined);
    void queries.invalidateQueries();
  };
  return (
    <section className="panel sign-in" aria-labelledby="sign-in-title">
      <Title id="sign-in-title" className="sign-in-title">
        Sign in at the shop
      </Title>
      <p className="soft">
        This service does not sign shoppers in by itself. Come here from your shop, or paste the access token
        it gave you. It stays in this tab.
      </p>
      <TextField
        label="Access token"
        value={token}
        onChange={(event) => setToken(event.target.value)}
        onKeyDown={(event) => event.key === 'Enter' && take()}
        error={error}
        spellCheck={false}
      />
      <Button look="primary" onClick={take}>
        Use this token
      </Button>
    </section>
  );
}
