/** Commands of the system, run one at a time while nothing else of the script runs. */
import { execFileSync } from 'node:child_process';

/** @throws Error with the command and what it wrote on standard error. The result is its standard output. */
export function command(name: string, ...args: readonly string[]): string {
  try {
    return execFileSync(name, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const said = stderr?.trim();
    throw new Error(`${[name, ...args].join(' ')}: ${said === undefined || said === '' ? message : said}`);
  }
}
