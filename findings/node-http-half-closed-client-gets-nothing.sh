#!/usr/bin/env bash
# node:http: a client that sends a whole request and closes its sending half gets an empty answer, without an error on either side.
#
# A request ends by its own framing (RFC 9112, 6.3), not with the connection; `socket.end(request)` and `nc -N` close
# their half behind it and wait. node:http makes its sockets with `allowHalfOpen: true`, whose documentation leaves the
# other half open until `end()`; yet it ends the connection with the client's half, unless the answer was given before.
# The handler runs, with whatever it changes, and its answer is dropped without a trace: no error, no 'aborted', no
# 'clientError', no 'finish', the callback of `end()` is never called, and `response.writable` is true. Only 'close'
# (before the answer) and `destroyed` show it. An answer given in the same turn does arrive, so small tests pass. The way
# out is a property of the server that is neither documented nor in @types/node: `server.httpAllowHalfOpen = true`.
#
# Seen with Node 20.20.2. Fails if that changes. Needs node; installs nothing.
#
# Output:
#   answers at once: the client got HTTP/1.1 200 OK; the server saw answer (writable: true, destroyed: false), finish, ended
#   answers after 200 ms: the client got nothing; the server saw answer (writable: true, destroyed: true)
#   … with httpAllowHalfOpen: the client got HTTP/1.1 200 OK; the server saw answer (writable: true, destroyed: false), finish, ended
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/half.cjs" <<'JS'
const http = require('node:http');
const net = require('node:net');
const REQUEST = 'POST / HTTP/1.1\r\nHost: example\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi';
const ask = (name, { answersAfterMs, httpAllowHalfOpen = false }) =>
  new Promise((resolve) => {
    const events = [];
    const note = (event) => () => events.push(event);
    const server = http.createServer((request, response) => {
      request.on('aborted', note('aborted')).on('error', note('error'));
      response.on('finish', note('finish')).on('error', note('error'));
      request.resume();
      const answer = () => {
        events.push(`answer (writable: ${response.writable}, destroyed: ${response.destroyed})`);
        response.end('done', note('ended'));
      };
      if (answersAfterMs > 0) setTimeout(answer, answersAfterMs);
      else answer();
    });
    server.on('clientError', note('clientError'));
    server.httpAllowHalfOpen = httpAllowHalfOpen;
    server.listen(0, '127.0.0.1', () => {
      let got = '';
      const client = net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true });
      client.on('data', (bytes) => (got += bytes));
      client.end(REQUEST); // The whole request, and then the end of this half.
      setTimeout(() => {
        client.destroy();
        server.close();
        const status = got.split('\r\n')[0] || 'nothing';
        console.log(`${name}: the client got ${status}; the server saw ${events.join(', ')}`);
        resolve(`${status}: ${events.filter((event) => !event.startsWith('answer')).join(' ')}`);
      }, 1_000);
    });
  });
void (async () => {
  const seen = [
    await ask('answers at once', { answersAfterMs: 0 }),
    await ask('answers after 200 ms', { answersAfterMs: 200 }),
    await ask('… with httpAllowHalfOpen', { answersAfterMs: 200, httpAllowHalfOpen: true }),
  ];
  const stated = seen[0].startsWith('HTTP/1.1 200') && seen[1] === 'nothing: ' && /^HTTP.1.1 200.*finish/.test(seen[2]);
  console.log(stated ? 'as stated: an answer that takes a moment is dropped in silence' : 'changed: see above');
  process.exitCode = stated ? 0 : 1;
})();
JS
echo "node $(node --version)"
node "$folder/half.cjs"
