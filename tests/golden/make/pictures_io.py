"""What the makers of tests/golden/pictures share: seeded weights, capturing stages, writing files.

Weights are drawn per tensor from (seed, name), so that activations stay near one and every path matters: norms around
one, nothing zero-initialised. They are rounded to eight significant bits, so that F32, F16 and BF16 hold them exactly.

golden.safetensors: tensors "<part>.in.<what>" and "<part>.out.<stage>" (f32, i64); its metadata has the versions of the
packages and, as "f32_error.<name>", the largest difference of a stage from a run of the same model in float64.
"""
import json
import zlib
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors.torch import save as serialize

OUT = Path(__file__).resolve().parents[1] / "pictures"
SMALL = 2.0**-14  # the least normal number of F16

torch.set_num_threads(1)
torch.set_grad_enabled(False)
diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()


def generator(seed):
    return torch.Generator("cpu").manual_seed(seed)


def eight_bits(x):
    x = x.to(torch.bfloat16).to(torch.float32)
    return torch.where(x.abs() < SMALL, torch.zeros_like(x), x)


def draw(seed, name, shape):
    return torch.randn(tuple(shape), generator=generator(zlib.crc32(f"{seed} {name}".encode())))


def fill(model, seed, gains=()):
    """Sets every parameter. gains: (part of a name, factor) pairs; the first match scales the tensor."""
    for name, p in model.named_parameters():
        x = draw(seed, name, p.shape)
        if name.endswith("gamma") or (p.ndim == 1 and name.endswith("weight")):
            x = 1 + 0.25 * x
        elif p.ndim == 1:
            x = 0.15 * x
        elif "embedding" in name and p.ndim == 2 and "linear" not in name:
            x = 0.7 * x
        else:
            x = x / p[0].numel() ** 0.5
        x = x * next((g for part, g in gains if part in name), 1.0)
        p.data.copy_(eight_bits(x))
    return model.eval()


class Golden:
    def __init__(self):
        self.tensors = {}
        self.meta = {"torch": torch.__version__, "diffusers": diffusers.__version__,
                     "transformers": transformers.__version__}  # fmt: skip

    def put(self, name, x):
        if name in self.tensors:
            raise ValueError(f"{name} twice")
        if not torch.is_tensor(x):
            x = torch.tensor(x)
        x = x.detach()
        if x.is_floating_point():
            x = x.to(torch.float32)
            if not torch.isfinite(x).all():
                raise ValueError(f"{name} is not finite")
        self.tensors[name] = x.clone().contiguous()

    def run(self, prefix, model, stages, inputs, last=None):
        """Runs model(**inputs); keeps its inputs, the outputs of the named modules and of the whole (`last`: what of
        the model's answer), and compares with a run in float64. Returns the answer."""
        for name, x in inputs.items():
            if torch.is_tensor(x):
                self.put(f"{prefix}.in.{name}", x)
        answer = caught = None
        for dtype in (torch.float32, torch.float64):
            got, hooks = {}, []
            for stage, module in stages.items():
                def keep(_module, _args, out, stage=stage):
                    x = (out[0] if isinstance(out, tuple) else out).detach().clone()
                    got[stage] = torch.cat([got[stage], x], 2) if stage in got else x  # called frame by frame
                hooks.append(model.get_submodule(module).register_forward_hook(keep))
            cast = {k: v.to(dtype) if torch.is_tensor(v) and v.is_floating_point() else
                    {a: b.to(dtype) for a, b in v.items()} if isinstance(v, dict) else v
                    for k, v in inputs.items()}  # fmt: skip
            out = model.to(dtype)(**cast)
            for h in hooks:
                h.remove()
            if last:
                got.update(last(out))
            if dtype == torch.float32:
                answer, caught = out, got
                for stage, x in got.items():
                    self.put(f"{prefix}.out.{stage}", x)
            else:
                for stage, x in got.items():
                    self.meta[f"f32_error.{prefix}.out.{stage}"] = f"{(caught[stage] - x).abs().max().item():.2e}"
        model.to(torch.float32)
        return answer

    def save(self, folder, name="golden.safetensors"):
        save(self.tensors, folder / name, **self.meta)


def save_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def save(tensors, path, **metadata):
    """The package orders metadata by chance: here it is sorted, so that the same weights give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = serialize(tensors, metadata=metadata)
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


def save_model(folder, model, prefix="", dtype=torch.float32, leave=(), **more):
    """<folder>/config.json (with `more`) and the weights but those in `leave`, as the folders of diffusers have them;
    dtype must hold them exactly."""
    is_text = isinstance(model, transformers.PreTrainedModel)
    config = {"architectures": [type(model).__name__], **model.config.to_diff_dict()} if is_text else \
        {**model.config, "_class_name": type(model).__name__}  # fmt: skip
    save_json(folder / "config.json", {k: v for k, v in {**config, **more}.items() if k != "_use_default_values"})
    name = "model.safetensors" if is_text else "diffusion_pytorch_model.safetensors"
    tensors = {prefix + k: v.contiguous().clone() for k, v in model.state_dict().items() if k not in leave}
    stored = {k: v.to(dtype) for k, v in tensors.items()}
    if not all(torch.equal(stored[k].to(v.dtype), v) for k, v in tensors.items()):
        raise ValueError(f"{folder} does not fit {dtype}")
    save(stored, folder / name, format="pt")
    return tensors


def save_original(path, tensors):
    save({k: v.contiguous().clone() for k, v in tensors.items()}, path, format="pt")


def save_index(folder, name, parts, **more):
    """model_index.json; parts: name -> (library, class)"""
    save_json(folder / "model_index.json", {"_class_name": name, "_diffusers_version": diffusers.__version__,
                                            **{k: list(v) for k, v in parts.items()}, **more})  # fmt: skip


def save_scheduler(folder, scheduler):
    config = {k: v for k, v in scheduler.config.items() if k != "_use_default_values"}
    save_json(folder / "scheduler" / "scheduler_config.json", {**config, "_class_name": type(scheduler).__name__})


def report(folder):
    sizes = {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()}
    print(f"{folder.name}: {sum(sizes.values()) / 1e6:.2f} MB", {k: v for k, v in sizes.items() if v > 20000})


def picture(seed, height, width, n=1):
    """A smooth picture with some noise, [n, 3, height, width] in [-1, 1]."""
    y, x = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    waves = torch.stack([torch.sin(3 * x + 5 * y), torch.cos(7 * x * y), torch.sin(9 * y - 2 * x)])
    noise = torch.randn(n, 3, height, width, generator=generator(seed))
    return (0.7 * waves[None] + 0.2 * noise).clamp(-1, 1)
