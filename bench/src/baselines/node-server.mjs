// The measure of all figures: a server that reads a JSON body, parses it and answers a small one, and does nothing else. Run
// by Node.js. Says its port on standard output and ends when its input does.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const { sku, quantity } = JSON.parse(Buffer.concat(pieces).toString());
    const body = JSON.stringify({ status: 'active', sku, quantity });
    response.writeHead(201, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
