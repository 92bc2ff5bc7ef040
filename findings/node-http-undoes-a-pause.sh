#!/usr/bin/env bash
# node:http: a server that calls `socket.pause()` on a client's connection goes on reading it, and handling its requests.
#
# It looks like the way to slow down a client that pipelines faster than it is answered: the call is documented for every
# net.Socket, and `isPaused()` says true. But node:http resumes the socket by itself with each request that has come in
# whole, so the pause lasts until the end of the request that is being parsed; and while there is no other listener for 'data', the
# parser reads the connection past the stream in any case. A listener of one's own for 'data' does not help against the
# resume. What does: take node:http's listener off the socket and call it with as much as it should get.
#
# Seen with Node 20.20.2. Fails if that changes. Needs node; installs nothing.
#
# Output:
#   paused at request 10, isPaused() true; handled 20000 of 20000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/pause.cjs" <<'JS'
const http = require('node:http');
const net = require('node:net');
const REQUESTS = 20_000;
const AFTER = 10;
let handled = 0;
let said;
const held = [];
const server = http.createServer((request, response) => {
  handled += 1;
  held.push(response); // Not answered: only reading is looked at.
  if (handled < AFTER) return;
  request.socket.pause();
  said ??= request.socket.isPaused();
});
server.listen(0, '127.0.0.1', () => {
  const client = net.connect(server.address().port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('GET / HTTP/1.1\r\nHost: example\r\n\r\n'.repeat(REQUESTS));
  setTimeout(() => {
    console.log(`paused at request ${AFTER}, isPaused() ${said}; handled ${handled} of ${REQUESTS}`);
    const stated = said === true && handled === REQUESTS;
    console.log(stated ? 'as stated: all of them came' : 'changed: see above');
    process.exit(stated ? 0 : 1);
  }, 3_000);
});
JS
echo "node $(node --version)"
node "$folder/pause.cjs"
