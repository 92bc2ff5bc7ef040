/** The thread in which SQLite runs: a shell around `engine-host.ts`. Nothing else of the process waits on a disk. */
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { EngineHost } from './engine-host.js';
import { LogCopier } from './log-copier.js';
import { openStoreFiles } from './store-files.js';
import type { RequestEnvelope } from './sqlite-protocol.js';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

const copier = new LogCopier(() => {
  host.run();
});
const host = new EngineHost({
  poll: () => receiveMessageOnPort(port)?.message as RequestEnvelope | undefined,
  send: (replies) => {
    port.postMessage(replies);
  },
  openFiles: (directory, maxJournalBytes) => openStoreFiles(directory, maxJournalBytes, undefined, copier.copy),
});

port.on('message', (envelope: RequestEnvelope) => {
  host.take(envelope);
  host.run();
});
