/* The message box: grows with its text, sends on Enter, and its button stops an answer that is under way. */
import {$, icon} from '/dom.js';

export const touch = matchMedia('(hover: none) and (pointer: coarse)');
const TALLEST = 0.4; /* of the window */

export class Composer {
  /* acts: {send(text) → taken, stop(), editLast()} */
  constructor(acts) {
    this.acts = acts;
    this.box = $('prompt');
    this.button = $('send');
    this.running = false;
    this.box.addEventListener('input', () => this.changed());
    this.box.addEventListener('keydown', (e) => this.key(e));
    $('composer').addEventListener('submit', (e) => {
      e.preventDefault();
      if (this.running)
        this.acts.stop();
      else
        this.send();
    });
    addEventListener('resize', () => this.changed());
    this.setRunning(false);
  }

  key(e) {
    if (e.isComposing) return;
    /* On a phone's keyboard Enter starts a line: there is no Shift to hold, and the button is near. */
    if (e.key === 'Enter' && !e.shiftKey && !touch.matches) {
      e.preventDefault();
      if (!this.running) this.send();
    } else if (e.key === 'ArrowUp' && this.box.value === '') {
      e.preventDefault();
      this.acts.editLast();
    }
  }

  send() {
    const text = this.box.value.trim();
    if (!text || !this.acts.send(text)) return;
    this.set('');
    if (touch.matches) this.box.blur();
  }

  set(text) {
    this.box.value = text;
    this.changed();
  }

  changed() {
    this.box.style.height = 'auto';
    this.box.style.height = `${Math.min(this.box.scrollHeight, innerHeight * TALLEST)}px`;
    this.box.classList.toggle('scrolls', this.box.scrollHeight > innerHeight * TALLEST);
    this.button.disabled = !this.running && this.box.value.trim() === '';
  }

  setRunning(running) {
    this.running = running;
    const label = running ? 'Stop' : 'Send';
    this.button.replaceChildren(icon(running ? 'stop' : 'send'));
    this.button.setAttribute('aria-label', label);
    this.button.title = running ? 'Stop (Esc)' : label;
    this.button.classList.toggle('stops', running);
    this.changed();
  }

  /* Not on a phone, where it would bring up the keyboard. */
  focus() {
    if (!touch.matches) this.box.focus();
  }
}
