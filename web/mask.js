/* A mask painted over a picture: brush and eraser, undo, inverse. What is painted is made anew, the rest stays. The
 * strokes are kept as a list, so that undoing is drawing again without the last. */
import {el, icon, iconButton} from '/dom.js';

const COLOUR = '#ff4f2e';

/* The mask in the colour that stands for it on the page. */
export function tintedMask(mask) {
  const out = el('canvas', {width: mask.width, height: mask.height});
  const ink = out.getContext('2d');
  ink.drawImage(mask, 0, 0);
  ink.globalCompositeOperation = 'source-in';
  ink.fillStyle = COLOUR;
  ink.fillRect(0, 0, out.width, out.height);
  return out;
}

function isEmpty(canvas) {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 3; i < data.length; i += 4)
    if (data[i]) return false;
  return true;
}

function drawStroke(ink, {erase, size, points}, from = 0) {
  ink.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
  ink.fillStyle = ink.strokeStyle = COLOUR;
  ink.lineWidth = size;
  ink.lineCap = ink.lineJoin = 'round';
  ink.beginPath();
  if (points.length === 1) {
    ink.arc(points[0][0], points[0][1], size / 2, 0, 2 * Math.PI);
    ink.fill();
    return;
  }
  points.slice(Math.max(0, from - 1)).forEach(([x, y], i) => (i ? ink.lineTo(x, y) : ink.moveTo(x, y)));
  ink.stroke();
}

class Painter {
  constructor(picture, mask) {
    const {width, height} = picture;
    this.base = mask;
    this.acts = []; /* strokes, 'invert', 'clear' */
    this.erase = false;
    this.size = Math.max(4, Math.round(Math.min(width, height) / 8));
    this.canvas = el('canvas', {
      width,
      height,
      class: 'mask-paint',
      tabindex: 0,
      role: 'application',
      'aria-label': 'Mask. Arrow keys move the brush, Space paints, E takes the eraser, B the brush.',
    });
    this.ink = this.canvas.getContext('2d', {willReadFrequently: true});
    this.ring = el('div', {class: 'mask-ring', 'aria-hidden': 'true', hidden: true});
    this.at = [width / 2, height / 2];
    this.stroke = null;
    this.changed = () => {};
    this.drawAll();
    this.listen();
  }

  listen() {
    const {canvas} = this;
    canvas.addEventListener('pointerdown', (e) => {
      if (this.stroke || e.button > 0) return;
      canvas.setPointerCapture(e.pointerId);
      this.pointer = e.pointerId;
      this.stroke = {erase: this.erase, size: this.size, points: [this.place(e)]};
      drawStroke(this.ink, this.stroke);
    });
    canvas.addEventListener('pointermove', (e) => {
      this.at = this.place(e);
      this.drawRing(true);
      if (!this.stroke || e.pointerId !== this.pointer) return;
      const from = this.stroke.points.length;
      const moves = e.getCoalescedEvents?.() ?? [];
      this.stroke.points.push(...(moves.length ? moves : [e]).map((m) => this.place(m)));
      drawStroke(this.ink, this.stroke, from);
    });
    for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) {
      canvas.addEventListener(name, (e) => {
        if (this.stroke && e.pointerId === this.pointer) this.add(this.stroke);
      });
    }
    canvas.addEventListener('pointerleave', () => this.drawRing(false));
    canvas.addEventListener('blur', () => this.drawRing(false));
    canvas.addEventListener('keydown', (e) => this.key(e));
  }

  key(e) {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[e.key];
    if (step) {
      const clamp = (v, most) => Math.min(most, Math.max(0, v));
      const by = this.size / 2;
      this.at =
          [clamp(this.at[0] + step[0] * by, this.canvas.width), clamp(this.at[1] + step[1] * by, this.canvas.height)];
      this.drawRing(true);
    } else if (e.key === ' ') {
      this.add({erase: this.erase, size: this.size, points: [this.at]});
    } else {
      return;
    }
    e.preventDefault();
  }

  /* From the window's pixels to the picture's. */
  place(e) {
    const box = this.canvas.getBoundingClientRect();
    return [
      (e.clientX - box.left) * this.canvas.width / box.width, (e.clientY - box.top) * this.canvas.height / box.height
    ];
  }

  drawRing(shown) {
    const box = this.canvas.getBoundingClientRect();
    const scale = box.width / this.canvas.width;
    const around = this.ring.offsetParent?.getBoundingClientRect() ?? box;
    this.ring.hidden = !shown;
    Object.assign(this.ring.style, {
      width: `${this.size * scale}px`,
      height: `${this.size * scale}px`,
      left: `${box.left - around.left + this.at[0] * scale}px`,
      top: `${box.top - around.top + this.at[1] * scale}px`,
    });
  }

  add(act) {
    this.stroke = null;
    this.acts.push(act);
    this.drawAll();
  }

  undo() {
    if (this.acts.pop()) this.drawAll();
  }

  drawAll() {
    const {ink, canvas} = this;
    ink.globalCompositeOperation = 'source-over';
    ink.clearRect(0, 0, canvas.width, canvas.height);
    if (this.base) ink.drawImage(this.base, 0, 0);
    for (const act of this.acts) {
      if (act === 'clear') {
        ink.globalCompositeOperation = 'source-over';
        ink.clearRect(0, 0, canvas.width, canvas.height);
      } else if (act === 'invert') {
        ink.globalCompositeOperation = 'source-out';
        ink.fillStyle = COLOUR;
        ink.fillRect(0, 0, canvas.width, canvas.height);
      } else {
        drawStroke(ink, act);
      }
    }
    this.changed();
  }
}

function toolButtons(painter, undo) {
  const brush = el('button', {type: 'button', class: 'tool', title: 'Brush (B)'}, icon('brush'), 'Brush');
  const eraser = el('button', {type: 'button', class: 'tool', title: 'Eraser (E)'}, icon('eraser'), 'Eraser');
  const choose = (erase) => {
    painter.erase = erase;
    brush.setAttribute('aria-pressed', String(!erase));
    eraser.setAttribute('aria-pressed', String(erase));
  };
  brush.addEventListener('click', () => choose(false));
  eraser.addEventListener('click', () => choose(true));
  choose(false);
  const most = Math.round(Math.min(painter.canvas.width, painter.canvas.height) / 2);
  const size = el('input', {type: 'range', id: 'mask-size', min: 2, max: Math.max(8, most), step: 1});
  size.value = painter.size;
  size.addEventListener('input', () => {
    painter.size = Number(size.value);
  });
  return {
    choose,
    node: el('div', {class: 'mask-tools', role: 'toolbar', 'aria-label': 'Mask tools'}, brush, eraser,
             el('div', {class: 'field mask-size'}, el('label', {'for': 'mask-size'}, 'Size'), size), undo,
             iconButton('invert', 'Swap what is made anew and what stays', () => painter.add('invert')),
             iconButton('trash', 'Clear the mask', () => painter.add('clear'))),
  };
}

/* Lets a person paint. Resolves to the mask (a canvas of the picture's size), null for an empty one, and undefined when
 * it was left as it was. */
export function paintMask(picture, mask) {
  const painter = new Painter(picture, mask);
  const undo = iconButton('undo', 'Undo', () => painter.undo());
  const tools = toolButtons(painter, undo);
  painter.changed = () => {
    undo.disabled = painter.acts.length === 0;
  };
  painter.changed();
  const below =
      el('canvas', {width: picture.width, height: picture.height, class: 'mask-picture', 'aria-hidden': 'true'});
  below.getContext('2d').drawImage(picture, 0, 0);
  const dialog = el('dialog', {class: 'dialog mask', 'aria-labelledby': 'mask-title'});
  return new Promise((resolve) => {
    let outcome;
    const done = (value) => {
      outcome = value;
      dialog.close();
    };
    dialog.append(
        el('header', {class: 'dialog-head'}, el('h2', {id: 'mask-title'}, 'Paint what is made anew'),
           iconButton('close', 'Leave the mask as it was', () => done(undefined))),
        tools.node,
        el('div', {class: 'mask-ground'}, el('div', {class: 'mask-stack'}, below, painter.canvas, painter.ring)),
        el('footer', {class: 'dialog-foot'},
           el('button', {type: 'button', class: 'button', onclick: () => done(undefined)}, 'Cancel'),
           el('button', {
             type: 'button',
             class: 'button strong',
             onclick: () => done(isEmpty(painter.canvas) ? null : painter.canvas)
           },
              'Use this mask')));
    dialog.addEventListener('keydown', (e) => {
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'z') {
        e.preventDefault();
        painter.undo();
      } else if (!e.ctrlKey && !e.metaKey && 'be'.includes(e.key.toLowerCase()) && e.key.length === 1) {
        tools.choose(e.key.toLowerCase() === 'e');
      }
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
    painter.canvas.focus();
  });
}
