#!/usr/bin/env bash
# ws: a buffer may be used again right after `send()` by a client, and not by a server, which sends what it has become.
#
# A client has to mask what it sends, and ws masks into a copy. A server masks nothing and copies nothing: what the
# kernel does not take at once is read out of the caller's buffer later. Code that reuses one buffer passes
# every test in which the reader keeps up, always works in the client, and sends frames with bytes of the next
# message from the server to a slow reader, with no error on either side. A client whose `generateMask` gives a mask of
# zero is like a server. The documentation of `send()` does not say who owns the buffer; it is free once the callback
# has been called.
#
# Seen with ws 8.23.0. Fails if that changes. Needs node and npm.
#
# Output:
#   server to client: 33554432 bytes arrived, 29622282 of them not as they were sent
#   client to server: 33554432 bytes arrived, 0 of them not as they were sent
#   client to server, mask of zero: 33554432 bytes arrived, 29687822 of them not as they were sent
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent ws@8.23.0
cat > reuse.cjs <<'JS'
const { once } = require('node:events');
const { WebSocket, WebSocketServer } = require('ws');
const BYTES = 32 << 20; // More than a kernel takes at once.
const changed = async (name, sender, receiver) => {
  const received = once(receiver, 'message');
  const buffer = Buffer.alloc(BYTES, 1);
  sender.send(buffer);
  buffer.fill(2); // The next message.
  const [message] = await received;
  const count = message.filter((byte) => byte !== 1).length;
  console.log(`${name}: ${message.length} bytes arrived, ${count} of them not as they were sent`);
  return count > 0;
};
const connect = async (server, options) => {
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`, options);
  const [accepted] = await once(server, 'connection');
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
  return { client, accepted };
};
void (async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const usual = await connect(server, {});
  const zero = await connect(server, { generateMask: (mask) => mask.fill(0) });
  const seen = [
    await changed('server to client', usual.accepted, usual.client),
    await changed('client to server', usual.client, usual.accepted),
    await changed('client to server, mask of zero', zero.client, zero.accepted),
  ];
  const stated = seen.join() === 'true,false,true';
  console.log(stated ? 'as stated: only what is masked is copied' : 'changed: see above');
  process.exit(stated ? 0 : 1);
})();
JS
echo "node $(node --version)"
node reuse.cjs
