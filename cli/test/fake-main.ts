// Stands in for the service's process in tests of who starts and stops it. FAKE_MAIN says what it does.
import { createReadStream } from 'node:fs';

const behaviour = process.env.FAKE_MAIN ?? 'serves';
if (behaviour === 'cannot start') {
  console.error('PORT: is no port; write one');
  process.exit(78);
}
createReadStream('', { fd: Number(process.env.HOLDFAST_PARENT_FD), autoClose: false })
  .once('end', () => process.exit(0))
  .resume();
console.log('a line before it');
if (behaviour === 'serves') console.log('Holdfast is ready at http://127.0.0.1:1234 (process 1)');
setInterval(() => {}, 1000);
