/**
 * The process of `EchoTarget`: plain `node:http`. A PUT is read to its end and answered as a put is; a GET is answered
 * with a value of the usual length. Argument: that length.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const value = Buffer.alloc(Number(process.argv[2]), 'x');
const updated = Buffer.from('{"revision":123456,"version":12,"created":false}');

process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

const server = createServer((request, response) => {
  if (request.method !== 'PUT') {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': value.length });
    response.end(value);
    return;
  }
  request.on('data', () => undefined);
  request.on('end', () => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': updated.length });
    response.end(updated);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port);
});
