/** Commands of the system, run one at a time while nothing else of the script runs. */
import { execFileSync } from 'node:child_process';

/** @throws Error with the command and what it wrote on standard error. The result is its standard output. */
export const command = (name: string, ...args: readonly string[]): string => fed('', name, ...args);

/** The same, with `input` on its standard input. */
export function fed(input: string, name: string, ...args: readonly string[]): string {
  try {
    return execFileSync(name, args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const said = stderr?.trim();
    throw new Error(`${[name, ...args].join(' ')}: ${said === undefined || said === '' ? message : said}`);
  }
}

export function isInstalled(program: string): boolean {
  try {
    command('sh', '-c', `command -v ${program}`);
    return true;
  } catch {
    return false;
  }
}
