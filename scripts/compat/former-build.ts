/** The former build, out of git: sources of a commit, built with the modules of this checkout. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The last commit before protocol version 2. */
export const LAST_OF_VERSION_1 = '2da36475b88a34f329ccf0372674d889ccaccc1d';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** @returns path of its `cli.js`. @throws if the commit is not in this clone, or does not build */
export function buildFormer(commit: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const packed = execFileSync(
    'git',
    ['-C', ROOT, 'archive', '--format=tar', commit, 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json'],
    {
      maxBuffer: 256 * 1024 * 1024,
    },
  );
  execFileSync('tar', ['-x', '-C', folder], { input: packed });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const cli = join(folder, 'dist/cli.js');
  if (!existsSync(cli)) throw new Error(`${commit} has no command line`);
  return cli;
}
