// A refusal as it goes over the wire: application/problem+json (RFC 9457). The codes are in problems.ts.
import * as z from 'zod';
import { PROBLEM_BASE, PROBLEMS, type ProblemCode } from './problems.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

const codes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

const units = z.int().optional();

export const Problem = z.looseObject({
  type: z.string().meta({ format: 'uri', description: `${PROBLEM_BASE} and the code.` }),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: 'What happened and what to do next.' }),
  code: z.enum(codes),
  request_id: z.string().meta({ description: 'The value of X-Request-Id; name it when you ask for help.' }),
  errors: z
    .array(
      z.object({
        path: z.string().meta({ description: 'JSON Pointer; empty for the whole.' }),
        message: z.string(),
      }),
    )
    .optional()
    .meta({ description: 'The invalid parts of the request.' }),
  available: units.meta({ description: '`insufficient-stock`: units available right now.' }),
  reserved: units.meta({ description: '`insufficient-stock`: units in live reservations.' }),
  may_return: z
    .boolean()
    .optional()
    .meta({ description: '`insufficient-stock`: units are reserved and may come back.' }),
  waitlist_open: z.boolean().optional(),
  items: z
    .array(z.object({ sku: z.string(), available: z.int(), reserved: z.int(), may_return: z.boolean() }))
    .optional()
    .meta({ description: '`insufficient-stock` of a cart: the short lines.' }),
  limit: units.meta({ description: '`limit-exceeded`: most units one customer may hold.' }),
  held: units.meta({ description: '`limit-exceeded`: units the customer holds already.' }),
  reasons: z.array(z.string()).optional().meta({ description: '`unavailable` on /readyz: what is missing.' }),
});

export type Problem = z.infer<typeof Problem>;
