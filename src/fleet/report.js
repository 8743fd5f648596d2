/* Tooltips at once, and on touch, in place of the browser's slow ones; folded parts open for printing. The page is whole
 * without it. */
(() => {
  'use strict';
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  document.body.append(tip);
  for (const title of document.querySelectorAll('svg rect > title')) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  for (const title of document.querySelectorAll('svg.plot > title')) {
    title.parentNode.setAttribute('aria-label', title.textContent);
    title.parentNode.removeAttribute('aria-labelledby');
    title.remove();
  }
  const show = (e) => {
    const text = e.target.dataset && e.target.dataset.tip;
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const x = Math.min(e.clientX + 12, innerWidth - tip.offsetWidth - 6), y = e.clientY - tip.offsetHeight - 12;
    tip.style.left = `${Math.max(6, x)}px`;
    tip.style.top = `${y < 6 ? e.clientY + 18 : y}px`;
  };
  addEventListener('pointermove', show);
  addEventListener('pointerdown', show);
  addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });
  let shut = [];
  addEventListener('beforeprint', () => {
    shut = [...document.querySelectorAll('details:not([open])')];
    for (const d of shut) d.open = true;
  });
  addEventListener('afterprint', () => { for (const d of shut) d.open = false; });
})();
