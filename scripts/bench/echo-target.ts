/** The ceiling of the runtime: one Node process that answers the same requests and does nothing else. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Context } from './context.js';
import { HttpSide, type HttpDriver } from './http-target.js';
import { kvorumProtocol } from './kvorum-target.js';
import type { Target } from './target.js';
import type { Row } from './workload.js';

export class EchoTarget implements Target {
  readonly name = 'echo';
  readonly nodePids: readonly number[] = [];
  readonly replicas = 1;
  readonly pids: readonly number[];
  readonly #side: HttpSide;

  private constructor(child: ChildProcess, url: string, driver: HttpDriver) {
    this.pids = [child.pid ?? 0];
    this.#side = new HttpSide([url], kvorumProtocol, driver);
  }

  static async start({ cleanUp }: Context, driver: HttpDriver): Promise<EchoTarget> {
    const script = fileURLToPath(new URL('./echo-server.ts', import.meta.url));
    const child = fork(script, [String(driver.data.valueBytes)], { execArgv: ['--import', 'tsx'] });
    cleanUp.add('end the echo', () => {
      child.kill('SIGKILL');
    });
    const [port] = (await once(child, 'message')) as [number];
    return new EchoTarget(child, `http://127.0.0.1:${port}`, driver);
  }

  cannot(): undefined {
    return undefined;
  }

  drive(row: Row, seconds: number): ReturnType<HttpSide['drive']> {
    return this.#side.drive(row, seconds);
  }
}
