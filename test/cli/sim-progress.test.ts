import { describe, expect, it } from 'vitest';
import { CampaignProgress } from '../../src/cli/sim-progress.js';

function shown(isTerminal: boolean | undefined) {
  const state = { text: '', now: 1_000 };
  const progress = new CampaignProgress({
    write: (text) => {
      state.text += text;
    },
    isTerminal,
    now: () => state.now,
  });
  return { state, progress };
}

describe('progress', () => {
  it('is a line every two seconds without a terminal', () => {
    const { state, progress } = shown(undefined);
    for (const at of [1_000, 2_999, 3_000, 4_000, 5_000]) {
      state.now = at;
      progress.update(() => `at ${at}`);
    }
    progress.end();
    expect(state.text).toBe('kvorum: at 3000\nkvorum: at 5000\n');
  });

  it('is one line that is written over on a terminal, and gone at the end', () => {
    const { state, progress } = shown(true);
    state.now = 1_200;
    progress.update(() => 'one');
    state.now = 1_300;
    progress.update(() => 'too soon');
    state.now = 1_400;
    progress.update(() => 'two');
    progress.print('something else');
    progress.end();
    expect(state.text).toBe('\r\u001b[Kkvorum: one\r\u001b[Kkvorum: two\r\u001b[Kkvorum: something else\n');
  });
});
