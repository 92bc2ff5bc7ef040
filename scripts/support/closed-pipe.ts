/**
 * Imported for its effect: output into a pipe that its reader has closed, as `| head -1` does, is dropped. The program
 * runs on, because it may have to heal or stop what it started.
 */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
