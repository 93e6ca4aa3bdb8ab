// The published document as it is committed: what /openapi.json serves and what /docs shows.
import { readFileSync } from 'node:fs';

/** Made by `npm run generate`; the checks compare it with the operations. */
const OPENAPI_FILE = new URL('../../../contract/openapi.json', import.meta.url);

export const OPENAPI_TEXT = readFileSync(OPENAPI_FILE, 'utf8');
