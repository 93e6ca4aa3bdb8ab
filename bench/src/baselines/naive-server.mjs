// How it is usually done: Express, and one EVAL a request that checks the stock, takes a unit and writes a hash. No tokens,
// no limits, no replay of retries, no expiry, no events, no ledger. Run by Node.js with the URL of a Redis in REDIS_URL.
import { randomUUID } from 'node:crypto';
import express from 'express';
import { Redis } from 'ioredis';

const RESERVE = `
local stock = tonumber(redis.call('GET', KEYS[1]) or '0')
local quantity = tonumber(ARGV[1])
if stock < quantity then return 0 end
redis.call('DECRBY', KEYS[1], quantity)
redis.call('HSET', KEYS[2], 'sku', ARGV[2], 'quantity', quantity, 'customer', ARGV[3], 'expires_at', ARGV[4])
return 1`;
const HELD_FOR_MS = 300_000;

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
app.post('/api/v1/inventory/reserve', async (request, response) => {
  const { sku, quantity } = request.body;
  const id = randomUUID();
  const customer = request.get('authorization');
  const keys = [`naive:stock:${sku}`, `naive:reservation:${id}`];
  const taken = await redis.eval(RESERVE, 2, ...keys, quantity, sku, customer, Date.now() + HELD_FOR_MS);
  if (taken === 1) response.status(201).json({ reservation_id: id, sku, quantity });
  else response.status(409).json({ error: 'sold out' });
});
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
