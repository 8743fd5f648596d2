/* The picture to start from: chosen, dropped or pasted, and the mask over it. It is drawn anew before it is sent, so
 * that the server gets a PNG that stands upright and holds no data on where and when it was taken. */
import {$, announce, el, icon} from '/dom.js';
import {paintMask, tintedMask} from '/mask.js';

const LONGEST = 2048; /* pixels of a side that is sent */

export async function canvasOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = el('canvas', {
    width: Math.max(1, Math.round(bitmap.width * scale)),
    height: Math.max(1, Math.round(bitmap.height * scale)),
  });
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

/* White where the mask is, black elsewhere. */
function blackAndWhite(mask) {
  const out = el('canvas', {width: mask.width, height: mask.height});
  const ink = out.getContext('2d');
  ink.drawImage(mask, 0, 0);
  ink.globalCompositeOperation = 'source-in';
  ink.fillStyle = '#fff';
  ink.fillRect(0, 0, out.width, out.height);
  ink.globalCompositeOperation = 'destination-over';
  ink.fillStyle = '#000';
  ink.fillRect(0, 0, out.width, out.height);
  return out;
}

const filesOf = (transfer) => Array.from(transfer?.files ?? []).filter((f) => f.type.startsWith('image/'));

export class Start {
  /* acts: {changed(), taken(picture), wanted() → whether a dropped or pasted picture is for us} */
  constructor(acts) {
    this.acts = acts;
    this.picture = null;
    this.mask = null;
    this.input = el('input', {type: 'file', accept: 'image/*', id: 'pic-start', class: 'unseen'});
    this.input.addEventListener('change', () => {
      if (this.input.files[0]) this.take(this.input.files[0]);
      this.input.value = '';
    });
    this.pick = el('label', {class: 'start-pick', 'for': 'pic-start'}, icon('picture'),
                   el('span', {}, el('b', {}, 'Start from a picture'), ' choose, drop or paste'));
    this.problem = el('p', {class: 'problem', role: 'alert', hidden: true});
    this.thumb = el('canvas', {class: 'start-thumb', role: 'img'});
    this.paint = el('button', {type: 'button', class: 'button', onclick: () => this.editMask()}, 'Paint a mask');
    this.chosen = el('div', {class: 'start-chosen', hidden: true}, this.thumb,
                     el('div', {class: 'start-acts'}, this.paint,
                        el('button', {type: 'button', class: 'button', onclick: () => this.clear()}, 'Remove')));
    this.node = el('div', {class: 'start'}, this.input, this.pick, this.chosen, this.problem);
    this.listen();
  }

  listen() {
    const page = $('studio');
    page.addEventListener('dragover', (e) => {
      if (!this.acts.wanted() || !e.dataTransfer.types.includes('Files')) return;
      e.preventDefault();
      e.dataTransfer.dropEffect = 'copy';
      page.classList.add('dropping');
    });
    page.addEventListener('dragleave', (e) => {
      if (!page.contains(e.relatedTarget)) page.classList.remove('dropping');
    });
    page.addEventListener('drop', (e) => {
      page.classList.remove('dropping');
      if (!this.acts.wanted() || !e.dataTransfer.types.includes('Files')) return;
      e.preventDefault();
      const [file] = filesOf(e.dataTransfer);
      if (file)
        this.take(file);
      else
        this.refuse('That is not a picture.');
    });
    document.addEventListener('paste', (e) => {
      const [file] = filesOf(e.clipboardData);
      if (!file || !this.acts.wanted() || document.querySelector('dialog[open]')) return;
      e.preventDefault();
      this.take(file);
    });
  }

  refuse(sentence) {
    this.problem.textContent = sentence ?? '';
    this.problem.hidden = !sentence;
  }

  async take(blob) {
    try {
      this.picture = await canvasOf(blob);
    } catch {
      return this.refuse('This browser cannot read that picture.');
    }
    this.mask = null;
    const focused = document.activeElement === this.input;
    this.show();
    if (focused) this.paint.focus();
    this.acts.taken(this.picture);
    announce('The picture to start from is there');
    return undefined;
  }

  clear() {
    this.picture = null;
    this.mask = null;
    this.show();
    this.input.focus();
  }

  async editMask() {
    const mask = await paintMask(this.picture, this.mask);
    if (mask === undefined) return;
    this.mask = mask;
    this.show();
    this.paint.focus();
  }

  show() {
    const {picture, mask} = this;
    this.refuse(null);
    this.chosen.hidden = !picture;
    this.pick.hidden = Boolean(picture);
    this.input.disabled = Boolean(picture);
    if (picture) {
      const scale = Math.min(1, 320 / Math.max(picture.width, picture.height));
      this.thumb.width = Math.max(1, picture.width * scale);
      this.thumb.height = Math.max(1, picture.height * scale);
      const ink = this.thumb.getContext('2d');
      ink.drawImage(picture, 0, 0, this.thumb.width, this.thumb.height);
      if (mask) {
        ink.globalAlpha = 0.6;
        ink.drawImage(tintedMask(mask), 0, 0, this.thumb.width, this.thumb.height);
      }
      this.thumb.setAttribute('aria-label',
                              `Picture to start from, ${picture.width} by ${picture.height}${
                                  mask ? ', with a mask over what is made anew' : ''}`);
      this.paint.textContent = mask ? 'Change the mask' : 'Paint a mask';
    }
    this.acts.changed();
  }

  /* {picture, mask} as data URLs, or null. */
  get data() {
    if (!this.picture) return null;
    return {
      picture: this.picture.toDataURL('image/png'),
      mask: this.mask && blackAndWhite(this.mask).toDataURL('image/png'),
    };
  }
}
