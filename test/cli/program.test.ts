import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/index.js';
import { flagName, simSettings } from '../../src/config/index.js';

let out: string;
let err: string;
beforeEach(() => {
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const cluster = 'n1=127.0.0.1:7101@127.0.0.1:7001';
const kvorum = (...argv: string[]) => run(argv, 'cli.js');

describe('kvorum', () => {
  it('shows its version and its commands', async () => {
    expect(await kvorum('--version')).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await kvorum('--help')).toBe(0);
    for (const command of ['start', 'node', 'router', 'sim']) expect(out).toContain(command);
  });

  it.each(['start', 'node', 'router'])('documents every flag of %s', async (command) => {
    expect(await kvorum(command, '--help')).toBe(0);
    expect(out).toContain('--log-level <level>');
  });

  it('documents every flag of sim, and hides its worker', async () => {
    expect(await kvorum('sim', '--help')).toBe(0);
    for (const field of [...Object.keys(simSettings), 'noShrink']) expect(out).toContain(`${flagName(field)} `);
    out = '';
    await kvorum('--help');
    expect(out).not.toContain('sim-worker');
  });

  it('names the environment variable beside each flag of a node', async () => {
    await kvorum('node', '--help');
    expect(out.replaceAll(/\s+/g, ' ')).toContain('KVORUM_MAX_VALUE_BYTES');
  });

  it.each([
    [['start', '--nodes', '10'], 'nodes must be a whole number from 1 to 9; got "10" (flag --nodes)'],
    [['start', '--replicas', '4'], 'replicas (4) must not be more than the number of nodes (3)'],
    [['start', '--port', '80x'], 'port must be a whole number from 0 to 65535'],
    [['node'], 'name is missing: say --name <name>, or KVORUM_NAME, or name in a --config file'],
    [['node', '--name', 'n2', '--cluster', cluster, '--data', 'x'], "name 'n2' is no member of --cluster"],
    [['node', '--config', 'absent.json'], 'cannot read the configuration file absent.json'],
    [['sim', '--seed', '8g'], 'seed must be 1 to 8 hexadecimal digits, such as 8f3a; got "8g" (flag --seed)'],
    [['sim', '--seeds', '5', '--nodes', '2', '--replicas', '3'], 'replicas (3) must not be more than'],
    [['router', '--nodes', 'x'], 'nodes must be host:port'],
    [['router', '--nodes', 'a:1', '--listen', '0.0.0.0:80'], '--insecure'],
  ])('%j ends with code 2 and one line that says what is wrong', async (argv, complaint) => {
    expect(await kvorum(...argv)).toBe(2);
    expect(err).toContain(`kvorum: `);
    expect(err).toContain(complaint);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(out).toBe('');
  });

  it.each([[['start', '--node', '3']], [['begin']], [['start', 'now']], [['node', '--shards']]])(
    '%j is bad usage: code 2 and a pointer to the help',
    async (argv) => {
      expect(await kvorum(...argv)).toBe(2);
      expect(err).toContain('error:');
      expect(err).toContain('--help');
    },
  );

  it('checks a configuration without starting anything', async () => {
    expect(await kvorum('node', '--name', 'n1', '--cluster', cluster, '--data', 'x', '--check')).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ id: 1, replicas: 1, listenHttp: { host: '127.0.0.1', port: 7001 } });
  });
});
