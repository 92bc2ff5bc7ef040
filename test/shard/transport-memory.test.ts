/** The in-process network and its faults. */
import { describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/raft/index.js';
import { ROUTER_PEERS, type PeerMessage } from '../../src/shard/transport/transport.js';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../src/shard/transport/memory.js';
import { ManualRuntime } from './manual-runtime.js';
import { Recorder } from './recorder.js';
import { transportContract, type Endpoint, type TestNetwork, type TestNetworkOptions } from './transport.contract.js';

const contractNetwork = (options: TestNetworkOptions, encode: boolean): TestNetwork => {
  const tiny = options.tiny ? { maxQueuedMessages: 5 } : {};
  const network = new MemoryNetwork(new ManualRuntime('soon'), { encode, ...tiny });
  const started: Endpoint[] = [];
  const start = async (transport: Endpoint['transport']): Promise<Endpoint> => {
    const endpoint = { transport, recorder: new Recorder() };
    started.push(endpoint);
    await transport.start(endpoint.recorder);
    return endpoint;
  };
  return {
    nodes: (ids) => Promise.all(ids.map((id) => start(network.node(id)))),
    router: () => start(network.router()),
    crash: (id) => {
      network.kill(id);
      return Promise.resolve();
    },
    restart: (id) => start(network.node(id)),
    settle: () => undefined,
    close: async () => {
      await Promise.all(started.map(({ transport }) => transport.close()));
    },
  };
};

transportContract('memory', (options) => contractNetwork(options, false));
transportContract('memory, encoded', (options) => contractNetwork(options, true));

const ping = (epoch: number): PeerMessage => ({ type: 'ping', epoch, stopping: false });

class Lab {
  readonly runtime = new ManualRuntime('by-hand');
  readonly network: MemoryNetwork;
  readonly recorders = new Map<number, Recorder>();

  constructor(options: MemoryNetworkOptions = {}) {
    this.network = new MemoryNetwork(this.runtime, options);
  }

  readonly transports = new Map<number, ReturnType<MemoryNetwork['node']>>();

  start(...ids: NodeId[]): void {
    for (const id of ids) {
      const transport = this.network.node(id);
      const recorder = new Recorder();
      void transport.start(recorder);
      this.transports.set(id, transport);
      this.recorders.set(id, recorder);
    }
    this.runtime.run();
  }

  send(from: NodeId, to: NodeId, epoch: number): void {
    const transport = this.transports.get(from)!;
    transport.send(to, ping(epoch));
    transport.flush();
  }

  /** Every node pings every other; which pings arrive, as `from>to`. */
  reach(): string[] {
    const ids = [...this.transports.keys()];
    const before = new Map(ids.map((id) => [id, this.recorders.get(id)!.frames.length]));
    for (const from of ids) for (const to of ids) if (from !== to) this.send(from, to, 0);
    this.runtime.run();
    return ids
      .flatMap((to) =>
        this.recorders
          .get(to)!
          .frames.slice(before.get(to))
          .map(({ from }) => `${from}>${to}`),
      )
      .sort();
  }
}

describe('the memory network', () => {
  test('nothing arrives before the runtime runs', () => {
    const lab = new Lab();
    lab.start(1, 2);
    lab.send(1, 2, 5);
    expect(lab.recorders.get(2)!.frames).toEqual([]);
    lab.runtime.run();
    expect(lab.recorders.get(2)!.frames).toEqual([{ from: 1, messages: [ping(5)] }]);
  });

  test('without an encoding the same object arrives, with one an equal copy', () => {
    const message = ping(5);
    const arrived = (encode: boolean): PeerMessage | undefined => {
      const lab = new Lab({ encode });
      lab.start(1, 2);
      lab.transports.get(1)!.send(2, message);
      lab.transports.get(1)!.flush();
      lab.runtime.run();
      return lab.recorders.get(2)!.frames[0]?.messages[0];
    };
    expect(arrived(false)).toBe(message);
    expect(arrived(true)).toEqual(message);
    expect(arrived(true)).not.toBe(message);
  });

  test('with an encoding, bytes are counted and what cannot be encoded is refused', () => {
    const lab = new Lab({ encode: true });
    lab.start(1, 2);
    expect(lab.transports.get(1)!.send(2, ping(-1))).toBe(false);
    lab.transports.get(1)!.flush();
    lab.send(1, 2, 5);
    lab.runtime.run();
    const bytes = lab.transports.get(1)!.stats().bytesOut;
    expect(bytes).toBeGreaterThan(0);
    expect(lab.transports.get(2)!.stats()).toMatchObject({ bytesIn: bytes, framesIn: 1 });
    expect(lab.transports.get(1)!.stats()).toMatchObject({ droppedEncodeError: 1, framesOut: 1 });
  });

  test('a partition cuts between groups, and the remaining nodes form one more group', () => {
    const lab = new Lab();
    lab.start(1, 2, 3, 4, 5);
    lab.network.partition([[1, 2], [3]]);
    expect(lab.reach()).toEqual(['1>2', '2>1', '4>5', '5>4']);
    lab.network.heal();
    expect(lab.reach()).toHaveLength(20);
  });

  test('a partition is silent: no link goes down', () => {
    const lab = new Lab();
    lab.start(1, 2);
    lab.network.partition([[1], [2]]);
    lab.reach();
    expect(lab.recorders.get(1)!.linkLog).toEqual(['+2']);
  });

  test('messages in flight are lost when their link is cut', () => {
    const lab = new Lab();
    lab.start(1, 2);
    lab.send(1, 2, 5);
    lab.network.isolate(2);
    lab.runtime.run();
    expect(lab.recorders.get(2)!.frames).toEqual([]);
  });

  test('an isolated node neither receives nor reaches others', () => {
    const lab = new Lab();
    lab.start(1, 2, 3);
    lab.network.isolate(2);
    expect(lab.reach()).toEqual(['1>3', '3>1']);
    lab.network.heal();
    expect(lab.reach()).toHaveLength(6);
  });

  test('a cut may be one-way', () => {
    const lab = new Lab();
    lab.start(1, 2, 3);
    lab.network.cut(1, 2);
    lab.network.cut(1, 3);
    expect(lab.reach()).toEqual(['2>1', '2>3', '3>1', '3>2']);
    lab.network.heal();
    expect(lab.reach()).toHaveLength(6);
  });

  test('a drop rule drops single messages of a frame, and persists over a heal', () => {
    const lab = new Lab();
    lab.start(1, 2, 3);
    lab.network.dropWhen((from, to, message) => from === 1 && to === 2 && message.type === 'ping' && message.epoch > 5);
    lab.network.heal();
    for (const epoch of [4, 6, 5, 7]) lab.transports.get(1)!.send(2, ping(epoch));
    lab.transports.get(1)!.flush();
    lab.send(1, 3, 6);
    lab.runtime.run();
    expect(lab.recorders.get(2)!.frames).toEqual([{ from: 1, messages: [ping(4), ping(5)] }]);
    expect(lab.recorders.get(3)!.frames).toEqual([{ from: 1, messages: [ping(6)] }]);
    lab.network.dropWhen(undefined);
    lab.send(1, 2, 6);
    lab.runtime.run();
    expect(lab.recorders.get(2)!.frames).toHaveLength(2);
  });

  test('a killed node receives nothing more; messages in flight from it and to it are lost', () => {
    const lab = new Lab();
    lab.start(1, 2, 3);
    lab.send(1, 2, 1);
    lab.send(2, 3, 2);
    lab.transports.get(2)!.send(3, ping(3));
    lab.network.kill(2);
    lab.network.kill(2);
    lab.runtime.run();
    expect(lab.recorders.get(2)!.frames).toEqual([]);
    expect(lab.recorders.get(3)!.frames).toEqual([]);
    expect(lab.recorders.get(1)!.linkLog).toEqual(['+2', '+3', '-2']);
    expect(lab.recorders.get(2)!.linkLog).toEqual(['+1', '+3']);
  });

  test('a revived node sees its links go down and up, and continues', () => {
    const lab = new Lab();
    lab.start(1, 2, 3);
    lab.network.kill(2);
    lab.runtime.run();
    lab.network.kill(3);
    lab.network.revive(2);
    lab.runtime.run();
    expect(lab.recorders.get(2)!.linkLog).toEqual(['+1', '+3', '-1', '-3', '+1']);
    expect(lab.recorders.get(1)!.linkLog).toEqual(['+2', '+3', '-2', '-3', '+2']);
    lab.send(2, 1, 8);
    lab.runtime.run();
    expect(lab.recorders.get(1)!.messagesFrom(2)).toEqual([ping(8)]);
  });

  test('both sides agree when a node is killed and revived before any peer noticed', () => {
    const lab = new Lab();
    lab.start(1, 2);
    for (let i = 0; i < 3; i++) {
      lab.network.kill(2);
      lab.network.revive(2);
    }
    lab.runtime.run();
    expect([...lab.recorders.get(1)!.up]).toEqual([2]);
    expect([...lab.recorders.get(2)!.up]).toEqual([1]);
    expect(lab.reach()).toEqual(['1>2', '2>1']);
  });

  test('messages queued for a node that goes down are counted as lost', () => {
    const lab = new Lab();
    lab.start(1, 2);
    lab.transports.get(1)!.send(2, ping(1));
    lab.network.kill(2);
    lab.transports.get(1)!.flush();
    expect(lab.transports.get(1)!.stats().droppedQueued).toBe(1);
  });

  test('misuse throws', () => {
    const lab = new Lab();
    lab.start(1);
    expect(() => lab.network.node(1)).toThrow('running');
    expect(() => {
      lab.network.revive(1);
    }).toThrow('not killed');
    expect(() => {
      lab.network.revive(9);
    }).toThrow('not killed');
    lab.network.kill(9);
  });

  test('routers are not linked to each other', () => {
    const lab = new Lab();
    lab.start(1);
    const [a, b] = [new Recorder(), new Recorder()];
    void lab.network.router().start(a);
    void lab.network.router().start(b);
    lab.runtime.run();
    expect(a.linkLog).toEqual(['+1']);
    expect(b.linkLog).toEqual(['+1']);
    expect(lab.recorders.get(1)!.linkLog).toEqual([`+${ROUTER_PEERS}`, `+${ROUTER_PEERS + 1}`]);
  });

  test('s75 a round of pings of 100 nodes is one deferred run, however many frames it has', () => {
    const lab = new Lab();
    const ids = Array.from({ length: 100 }, (_, i) => i + 1);
    lab.start(...ids);
    for (const id of ids)
      for (let hop = 1; hop <= 8; hop++) lab.transports.get(id)!.send(((id + hop) % 100) + 1, ping(1));
    for (const id of ids) lab.transports.get(id)!.flush();
    expect(lab.runtime.run()).toBe(1);
    for (const recorder of lab.recorders.values()) expect(recorder.frames).toHaveLength(8);
  });
});
