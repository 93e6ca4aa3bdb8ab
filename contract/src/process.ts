// The process itself: is it alive, may it take traffic, what does it promise.
import * as z from 'zod';
import { operation } from './operation.ts';

export const Health = z.object({ status: z.literal('ok') });
export const Readiness = z.object({ status: z.literal('ready') });

export const getHealth = operation({
  id: 'getHealth',
  tag: 'Process',
  method: 'GET',
  path: '/healthz',
  summary: 'Is the process alive?',
  access: 'public',
  limit: 'none',
  success: { status: 200, description: 'It is.', schema: Health },
  problems: [],
});

export const getReadiness = operation({
  id: 'getReadiness',
  tag: 'Process',
  method: 'GET',
  path: '/readyz',
  summary: 'May it take traffic?',
  description:
    'Redis, PostgreSQL, the function library and the migrations are right. The first to fail on shutdown.',
  access: 'public',
  limit: 'none',
  success: { status: 200, description: 'It may.', schema: Readiness },
  problems: ['unavailable'],
});

export const getOpenApi = operation({
  id: 'getOpenApi',
  tag: 'Process',
  method: 'GET',
  path: '/openapi.json',
  summary: 'This document',
  access: 'public',
  limit: 'none',
  success: {
    status: 200,
    description: 'OpenAPI 3.1.',
    schema: z.looseObject({ openapi: z.string() }),
    textType: 'application/json',
  },
  problems: [],
});
