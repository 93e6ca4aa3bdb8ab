// Where the race is run: a service of its own with stores of its own in a temporary folder, or the one it was
// pointed at. Either way it gives clients: one for the operator, one a shopper.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HoldfastClient, HoldfastError } from '@holdfast/client';
import { mintToken, OPERATOR_SCOPE, signerOf } from '../access-token.ts';
import { type ServerEnv, startQuietServer } from '../server-process.ts';
import type { Gate } from './gate.ts';

/** Nothing was shown either way. */
export class CouldNotRun extends Error {
  override readonly name = 'CouldNotRun';
}

export interface Venue {
  readonly url: string;
  /** Not ended by the signal: a race that is called off still closes its sale. */
  readonly operator: HoldfastClient;
  /** Without a token: public reads. */
  readonly visitor: HoldfastClient;
  /** The customer's token; undefined if rate limits refused one. */
  tokenOf(customer: string): Promise<string | undefined>;
  /** Leaves nothing behind; again is safe. */
  close(): Promise<void>;
}

/** A loaded machine may take its time: a race is not lost to impatience. */
const TIMEOUT_MS = 20_000;

/** A service of its own, with the rate limits off. @throws ServerFailed */
export async function ownVenue(env: ServerEnv, signal: AbortSignal): Promise<Venue> {
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-race-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  const secret = randomBytes(48).toString('base64url');
  const settings = ownSettings(env, path.join(folder, 'data'), secret);
  try {
    const server = await startQuietServer(settings, signal);
    const signer = signerOf(secret, settings);
    const base = new HoldfastClient({ baseUrl: server.url, timeoutMs: TIMEOUT_MS });
    return {
      url: server.url,
      visitor: base.as({ signal }),
      operator: base.as({ token: () => mintToken(signer, 'race', OPERATOR_SCOPE) }),
      tokenOf: async (customer) => mintToken(signer, customer),
      close: async () => {
        await server.stop();
        await removeFolder();
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

/** The caller's environment, except for what would make the race meet other stores, limits or keys than its own. */
function ownSettings(env: ServerEnv, dataDir: string, secret: string): ServerEnv {
  const {
    HOLDFAST_JWKS_URL: _jwks,
    HOLDFAST_JWT_PUBLIC_KEY: _publicKey,
    HOLDFAST_METRICS_HOST: _metricsHost,
    REDIS_URL: _redis,
    HOLDFAST_REDIS_CA_FILE: _redisAuthorities,
    HOLDFAST_REDIS_CERT_FILE: _redisCertificate,
    HOLDFAST_REDIS_KEY_FILE: _redisKey,
    DATABASE_URL: _database,
    HOLDFAST_DATABASE_CA_FILE: _databaseAuthorities,
    HOLDFAST_DATABASE_CERT_FILE: _databaseCertificate,
    HOLDFAST_DATABASE_KEY_FILE: _databaseKey,
    ...kept
  } = env;
  return {
    ...kept,
    HOLDFAST_DATA_DIR: dataDir,
    HOLDFAST_JWT_SECRET: secret,
    HOST: '127.0.0.1',
    PORT: '0',
    HOLDFAST_METRICS_PORT: '0',
    HOLDFAST_DEMO: 'off',
    HOLDFAST_RATE_CUSTOMER_PER_MINUTE: '0',
    HOLDFAST_RATE_IP_PER_MINUTE: '0',
    HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE: '0',
    HOLDFAST_RATE_OTHER_IP_PER_MINUTE: '0',
  };
}

/** The service at this URL: its limits hold, and customers' tokens come from its built-in issuer. */
export function givenVenue(url: string, operatorToken: string, signal: AbortSignal): Venue {
  const base = new HoldfastClient({ baseUrl: url, timeoutMs: TIMEOUT_MS });
  const visitor = base.as({ signal });
  return {
    url,
    visitor,
    operator: base.as({ token: operatorToken }),
    tokenOf: async (customer) => {
      try {
        return (await visitor.token(customer)).access_token;
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code === 'aborted') throw error;
        if (error.status === 429) return undefined;
        throw new CouldNotRun(`${url} gave the shoppers no tokens: ${error.message}`);
      }
    },
    close: async () => {},
  };
}

/** Every shopper's token, by name; those whom rate limits refused one are left out. */
export async function tokensFor(
  venue: Venue,
  names: readonly string[],
  gate: Gate,
): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  await Promise.all(
    names.map((name) =>
      gate.through(async () => {
        const token = await venue.tokenOf(name);
        if (token !== undefined) tokens.set(name, token);
      }),
    ),
  );
  if (tokens.size === 0)
    throw new CouldNotRun(`${venue.url} gave no shopper a token: its rate limits were in the way.`);
  return tokens;
}
