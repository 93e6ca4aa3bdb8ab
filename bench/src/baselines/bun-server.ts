// The same as node-server.mjs does, by Bun's own server.
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { sku, quantity } = (await request.json()) as { sku: string; quantity: number };
    return Response.json({ status: 'active', sku, quantity }, { status: 201 });
  },
});
console.log(server.port);
process.stdin.resume().on('end', () => process.exit(0));
