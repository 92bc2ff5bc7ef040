/** Programs whose output goes into a pipe that its reader has closed, as with `| head -1`. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, projectRoot } from './processes.js';

/** The reader of the program's standard output is gone before anything is written. */
function unread(command: string): { code: number | null; err: string } {
  const script = `exec 4> >(:); wait $!; exec ${command} >&4 4>&-`;
  const { status, stderr } = spawnSync('bash', ['-c', script], { cwd: projectRoot, env: cleanEnvironment() });
  return { code: status, err: stderr.toString() };
}

describe('when nobody reads its output', () => {
  it.each(['bench', 'compat', 'faults', 'jepsen', 'mutants', 'power-cut'])(
    'scripts/%s.ts --help ends as usual',
    (name) => {
      expect(unread(`node --import tsx scripts/${name}.ts --help`)).toEqual({ code: 0, err: '' });
    },
  );

  it('kvorum ends at once, with the exit code of SIGPIPE and without a stack', () => {
    expect(unread('node dist/cli.js sim --seed 8f3a --trace')).toEqual({ code: 128 + 13, err: '' });
  });
});
