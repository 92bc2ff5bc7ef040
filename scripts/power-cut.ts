/**
 * Does an acknowledged write survive a power cut? `npm run power-cut -- [--cuts 20] [--synchronous FULL|OFF|both]
 * [--json]`.
 *
 * Real node processes, each with its data on a disk whose power can be cut (power-cut/image.ts defines what is
 * modelled), serve clients that write; all disks lose their power at once; what is left is mounted, the nodes start on
 * it, and every acknowledged write is read back. Needs root, Linux and mkfs.xfs, and skips with a message elsewhere.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { whatIsMissing } from './power-cut/able.js';
import { parseOptions, type PowerCutOptions } from './power-cut/options.js';
import { hasOwnMounts, withOwnMounts } from './power-cut/own-mounts.js';
import { complaints, describeCut, describeSetting, type CutResult, type SettingResult } from './power-cut/report.js';
import { cutPower } from './power-cut/run.js';
import { CleanUp } from './support/clean-up.js';
import './support/closed-pipe.js';
import { messageOf } from '../src/thrown.js';

const options = parseOptions(process.argv.slice(2));
process.exitCode = typeof options === 'number' ? options : await main(options);

async function main(asked: PowerCutOptions): Promise<number> {
  if (!hasOwnMounts()) {
    const missing = whatIsMissing();
    return missing === undefined ? withOwnMounts() : skipped(missing, asked);
  }
  const say = (message: string): void => {
    console.error(`power-cut: ${message}`);
  };
  const cleanUp = new CleanUp(say).onSignals();
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'kvorum-power-')));
  cleanUp.add(`delete ${place}`, () => {
    rmSync(place, { recursive: true, force: true });
  });
  const results: SettingResult[] = [];
  let failures = 0;
  try {
    say(`seed ${asked.seed}`);
    for (const synchronous of asked.synchronous) {
      const cuts: CutResult[] = [];
      results.push({ synchronous, cuts });
      await cutPower({ options: asked, place, cleanUp, say }, synchronous, (cut) => {
        cuts.push(cut);
        say(`synchronous=${synchronous} ${describeCut(cut)}`);
      });
    }
  } catch (error) {
    failures++;
    say(`failed: ${messageOf(error)}`);
  }
  failures += await cleanUp.run();
  if (asked.json) console.log(JSON.stringify({ seed: asked.seed, nodes: asked.nodes, results }, null, 2));
  else console.log(results.map(describeSetting).join('\n\n'));
  return failures > 0 || results.some((result) => complaints(result).length > 0) ? 1 : 0;
}

function skipped(missing: string, { json, require }: PowerCutOptions): number {
  const message = `power-cut: ${require ? 'failed' : 'skipped'}: it needs ${missing}`;
  if (json) console.log(JSON.stringify({ skipped: `needs ${missing}` }));
  console.error(message);
  return require ? 1 : 0;
}
