/**
 * The script of a page: a tooltip with the key's value before and after the operation under the pointer (or with the
 * keyboard's focus), and scrolling to the failure. Text enters the page only as text, never as markup.
 * Without the script, the page lacks only the tooltips.
 */
export const SCRIPT = `
'use strict';
const tips = JSON.parse(document.getElementById('operations').textContent);
const tip = document.getElementById('tip');
function show(bar, x, y) {
  const about = tips[bar.closest('section').dataset.view][Number(bar.dataset.i)];
  const head = document.createElement('strong');
  head.textContent = about.what;
  const list = document.createElement('dl');
  for (const [name, text, isState] of about.facts) {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = text;
    if (isState) dd.className = 'state';
    list.append(dt, dd);
  }
  tip.replaceChildren(head, list);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(x + 16, innerWidth - width - 8)) + 'px';
  tip.style.top = (y + 20 + height > innerHeight ? Math.max(8, y - height - 14) : y + 20) + 'px';
}
// The browser's own tips would cover ours.
for (const title of document.querySelectorAll('.bar > title')) title.remove();
document.addEventListener('pointermove', (event) => {
  const bar = event.target instanceof Element ? event.target.closest('.bar') : null;
  if (bar === null) tip.hidden = true;
  else show(bar, event.clientX, event.clientY);
});
document.addEventListener('focusin', (event) => {
  const bar = event.target.closest('.bar');
  if (bar === null) return;
  const box = bar.getBoundingClientRect();
  show(bar, box.left, box.bottom - 12);
});
document.addEventListener('focusout', () => { tip.hidden = true; });
function reveal() {
  for (const scroll of document.querySelectorAll('.scroll')) {
    const wrong = scroll.querySelector('.wrong .body');
    if (wrong === null || scroll.clientWidth === 0) continue;
    scroll.scrollLeft = Number(wrong.getAttribute('x')) + Number(wrong.getAttribute('width')) / 2 - scroll.clientWidth * 0.7;
  }
}
for (const tab of document.querySelectorAll('input.tab')) tab.addEventListener('change', reveal);
reveal();
`;
