// The promise: an operator's calls say what they are asked to say, page by page, and the journal's file comes as text.
import { expect, test } from 'bun:test';
import { OperatorClient } from '../src/operator.ts';
import { problem, RESERVATION, ScriptedServer } from './scripted-server.ts';

test('each call is the request that the contract names, with what was asked for and nothing else', async () => {
  using server = await ScriptedServer.start(() => Response.json({ data: [], next_cursor: null }));
  const client = new OperatorClient({ baseUrl: server.url, token: 't' });
  const id = RESERVATION.reservation_id;
  await client.changeSale('drop', { closes_at: null, max_extensions: 0 });
  await client.operatorReservations({ sale: 'drop', status: 'active', limit: 20, cursor: 'abc' });
  await client.operatorReservation(id);
  await client.releaseForCustomer(id, 'called us');
  await client.operatorOrders({ customer: 'ann & co', sku: 'A-1' });
  await client.audit({ reservation: id, from: '2026-01-01T00:00:00.000Z' });
  await client.audit();
  const admin = '/api/v1/admin';
  expect(server.seen.map(({ method, path, body }) => [method, path, body])).toEqual([
    ['PATCH', `${admin}/sales/drop`, { closes_at: null, max_extensions: 0 }],
    ['GET', `${admin}/reservations?sale=drop&status=active&limit=20&cursor=abc`, undefined],
    ['GET', `${admin}/reservations/${id}`, undefined],
    ['POST', `${admin}/reservations/${id}/release`, { reason: 'called us' }],
    ['GET', `${admin}/orders?sku=A-1&customer=ann+%26+co`, undefined],
    ['GET', `${admin}/audit?reservation=${id}&from=2026-01-01T00%3A00%3A00.000Z`, undefined],
    ['GET', `${admin}/audit`, undefined],
  ]);
});

test('the file of the journal is its text; a refusal of it, or another page in its place, is an error', async () => {
  const text = 'entry_id,kind\r\n7-store-1-1,reserved\r\n';
  const csv = () => new Response(text, { headers: { 'content-type': 'text/csv; charset=utf-8' } });
  const html = () => new Response('<h1>Hello</h1>', { headers: { 'content-type': 'text/html' } });
  const replies = [csv, () => problem(403, 'forbidden'), html];
  using server = await ScriptedServer.start((n) => (replies[n] ?? csv)());
  const client = new OperatorClient({ baseUrl: server.url, token: 't' });
  const codeOf = (call: Promise<unknown>) => call.catch((error: { code: string }) => error.code);
  expect(await client.auditCsv({ sale: 'drop', limit: 5 })).toBe(text);
  expect(server.seen[0]?.path).toBe('/api/v1/admin/audit?sale=drop&format=csv');
  expect(await codeOf(client.auditCsv())).toBe('forbidden');
  expect(await codeOf(client.auditCsv())).toBe('unexpected-answer');
});
