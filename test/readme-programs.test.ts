/**
 * README's other examples, run: the embedded program, and the processes of three machines (on one, by other addresses).
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import getPort from 'get-port';
import { afterAll, describe, expect, it } from 'vitest';
import { http } from './e2e/node-group.js';
import { Program, Scene, kvorum, projectRoot, until } from './e2e/processes.js';
import { consoleBlocks } from './support/transcript.js';

const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
const scene = new Scene();
afterAll(() => scene.clean());

describe('README, In a program', () => {
  const section = /\n## In a program\n(.*?)\n## /s.exec(readme)?.[1] ?? '';
  const sources = [...section.matchAll(/```ts\n(.*?)```/gs)].map(([, source = '']) => source);

  it('has three examples', () => {
    expect(sources).toHaveLength(3);
  });

  it.each(sources)('example %# prints what its comments say', async (source) => {
    const promised = [...source.matchAll(/console\.log\(.*\)\)?; \/\/ (.*)$/gm)].map((match) => match[1]);
    expect(promised.length).toBeGreaterThan(2);
    // Inside the package, so that its own name resolves to it as in a project that installed it.
    const folder = join(projectRoot, 'dist', `readme-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      writeFileSync(join(folder, 'example.mjs'), source);
      const program = scene.keep(new Program(process.execPath, [join(folder, 'example.mjs')]));
      expect(await program.ended).toEqual({ code: 0, signal: null });
      expect(program.stdout).toEqual(promised);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('README, Three machines', () => {
  const commands = consoleBlocks(readme)
    .filter(({ headings }) => headings.some((h) => h.startsWith('Three machines')))
    .flatMap((block) => block.steps.map((step) => step.command));

  it('form a cluster, with a stand-alone router, that serves and drains', async () => {
    const data = scene.folder();
    const addresses = [
      ...new Set([...commands.join(' ').matchAll(/\b(?:10\.0\.0\.\d|127\.0\.0\.1):\d+/g)].map((m) => m[0])),
    ];
    expect(addresses).toHaveLength(7);
    const real = new Map<string, string>();
    for (const address of addresses) real.set(address, `127.0.0.1:${await getPort({ host: '127.0.0.1' })}`);
    const here = (text: string): string => addresses.reduce((t, a) => t.replaceAll(a, real.get(a) ?? a), text);

    const env: Record<string, string> = {};
    const programs: Program[] = [];
    for (const command of commands.map(here)) {
      const exported = /^export (\w+)=(\S+)$/.exec(command);
      if (exported !== null) {
        env[exported[1]!] = exported[2]!;
        continue;
      }
      const args = /^npx kvorum (.*)$/.exec(command)?.[1]?.split(' ') ?? [];
      const name = args[args.indexOf('--name') + 1] ?? '';
      programs.push(
        scene.keep(
          kvorum(
            args.map((word) => word.replace('/var/lib/kvorum', join(data, name))),
            env,
          ),
        ),
      );
    }
    expect(programs).toHaveLength(4);

    const router = `http://${here('127.0.0.1:8080')}`;
    const ready = async (): Promise<boolean> => {
      const answer = await http.get(`${router}/readyz?strict`).catch(() => undefined);
      return answer?.status === 200;
    };
    await until('the router is ready', ready);
    expect((await http.put(`${router}/v1/kv/a`, 'hello')).status).toBe(201);
    // Any node serves any request.
    const first = `http://${here('10.0.0.1:8001')}`;
    await until('a node serves it too', async () => (await http.get(`${first}/v1/kv/a`)).status === 200);
    for (const program of programs) {
      const { code, tookMs } = await program.stop();
      expect(code).toBe(0);
      expect(tookMs).toBeLessThan(5_000);
    }
  });
});
