/* What a person asks for, apart from the controls: values as they are kept in this browser, the request that is made of
 * them, and sizes that suit the model. */
import {readSetting, writeSetting} from '/store.js';

const KEY = 'loam.pictures';
/* Until the model was loaded once, its name has to do. */
function guess(name = '') {
  if (/wan/i.test(name)) return [832, 480];
  return /xl|flux|sd-?3/i.test(name) ? [1024, 1024] : [512, 512];
}

const texts = ['prompt', 'negative'];
/* field → [least, most, whole] */
const numbers = {
  width: [1, 16384, true],
  height: [1, 16384, true],
  steps: [1, 1000, true],
  guidance: [0, 100],
  seed: [0, Number.MAX_SAFE_INTEGER, true],
  n: [1, 64, true],
  strength: [0, 1],
  hires: [0, 8],
  hires_strength: [0, 1],
  clip_skip: [0, 12, true],
  frames: [1, 10000, true],
  fps: [1, 240, true],
};
const names = ['sampler', 'schedule', 'format'];
const yes = ['quick_decode'];

/* Fields of a clip's request; the others are for pictures only. */
const CLIP = [
  'prompt', 'negative', 'width', 'height', 'steps', 'guidance', 'seed', 'frames', 'fps', 'sampler', 'schedule',
  'clip_skip', 'format', 'loras', 'quick_decode'
];
const PICTURE =
    [...texts, ...Object.keys(numbers).filter((k) => k !== 'frames' && k !== 'fps'), ...names, 'loras', ...yes];

function checkedNumber(v, [least, most, whole]) {
  return typeof v === 'number' && v >= least && v <= most && (!whole || Number.isSafeInteger(v)) ? v : null;
}

/* {name: strength}, from itself or from a request's list of names, "name:0.8" and {name, strength}. */
function checkedLoras(v) {
  const out = {};
  const entries = Array.isArray(v) ? v.map((l) => {
    if (typeof l !== 'string') return [l?.name, l?.strength ?? 1];
    const m = /^(.*):(-?[\d.]+)$/.exec(l);
    return m ? [m[1], Number(m[2])] : [l, 1];
  }) :
                                     Object.entries(v && typeof v === 'object' ? v : {});
  for (const [name, strength] of entries)
    if (typeof name === 'string' && name && Number.isFinite(strength)) out[name] = strength;
  return out;
}

/* From storage or from a job's request, so not to be trusted: what is not as it should be is left out. */
export function checkedWish(v) {
  const wish = {loras: checkedLoras(v?.loras)};
  for (const k of texts) wish[k] = typeof v?.[k] === 'string' ? v[k] : '';
  for (const [k, bounds] of Object.entries(numbers)) wish[k] = checkedNumber(v?.[k], bounds);
  for (const k of names) wish[k] = typeof v?.[k] === 'string' && v[k] ? v[k] : null;
  for (const k of yes) wish[k] = v?.[k] === true ? true : null;
  if (!wish.negative && typeof v?.negative_prompt === 'string') wish.negative = v.negative_prompt;
  return wish;
}

/* {kind, image, video}: the mode on view and the values of each. */
export function loadWishes() {
  const stored = readSetting(KEY) ?? {};
  return {
    kind: stored.kind === 'video' ? 'video' : 'image',
    image: checkedWish(stored.image),
    video: checkedWish(stored.video),
  };
}

export function saveWishes(wishes) { writeSetting(KEY, wishes); }

/* The request of a job. start: null or {picture, mask} as data URLs. */
export function requestOf(kind, wish, start) {
  const request = {kind};
  for (const k of kind === 'video' ? CLIP : PICTURE) {
    const v = wish[k];
    if (k === 'loras') {
      const list = Object.entries(v).map(([name, strength]) => ({name, strength}));
      if (list.length) request.loras = list;
    } else if (k === 'prompt' || (v !== null && v !== '')) {
      request[k] = v;
    }
  }
  if (!start) delete request.strength;
  if (!(request.hires > 1)) {
    delete request.hires;
    delete request.hires_strength;
  }
  if (start) {
    request.start = start.picture;
    if (start.mask) request.mask = start.mask;
  }
  return request;
}

/* --- sizes */

const SHAPES = [['square', 1, 1], ['upright', 3, 4], ['tall', 2, 3], ['wide', 3, 2], ['cinema', 16, 9]];

export function sizeOf(info) {
  const [width, height] = guess(info?.model ?? '');
  return {
    width: info?.width || info?.size || width,
    height: info?.height || info?.size || height,
    multiple: info?.multiple || 8,
  };
}

/* Sides in this proportion whose area is about the model's own: that is what models are best at. */
export function fitted(info, across, down) {
  const {width, height, multiple} = sizeOf(info);
  const area = width * height;
  const side = Math.sqrt(area);
  const unit = side >= 448 ? Math.ceil(64 / multiple) * multiple : multiple;
  const round = (v) => Math.max(unit, Math.round(v / unit) * unit);
  return [round(Math.sqrt(area * across / down)), round(Math.sqrt(area * down / across))];
}

/* [{name, width, height}], without those that are nearly the same; the model's own comes first when it is none of the
 * shapes. */
export function presets(info) {
  const own = sizeOf(info);
  const list = own.width === own.height ? [] : [{name: 'own', width: own.width, height: own.height}];
  for (const [name, across, down] of SHAPES) {
    const [width, height] = fitted(info, across, down);
    const near = (p) => Math.abs(Math.log(p.width / p.height * height / width)) < 0.1;
    if (!list.some(near)) list.push({name, width, height});
  }
  return list;
}

/* A 32-bit seed: as short as those that people pass on. */
export const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
