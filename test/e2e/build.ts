/** Builds `dist/` once before the tests that start real processes: they run what a user runs. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function build(): void {
  const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  execFileSync(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
