"""Compares the readers with the code bases' own model classes: a file saved as each saves it is read, outputs compared.

    python results/public_encoders/originals.py CLONES

CLONES has a clone of each: `H-SCL`, `HCL`, `SupContrast`, `solo-learn`, `lightly`, `understanding-ssl`. Their classes
need torchvision, timm, omegaconf and lightning. Where torchvision's compiled operators do not load, as with another
torch than it was built for, its Python files do without them: no ResNet uses one. Weights, and statistics of
normalisation, are random. Nothing of these code bases is in boundcheck.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import re
import sys
import tempfile
import types
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import boundcheck as bc


class Original(NamedTuple):
    """A model of a code base: the file it was saved to, features and embedding of standardised images."""

    file: Path
    features: Callable[[Tensor], Tensor]
    embedding: Callable[[Tensor], Tensor]
    statistics: tuple[tuple[float, ...], tuple[float, ...]]


WITHIN = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def imported(folder: Path, module: str) -> Any:
    """A module of a code base, which no other code base's packages of the same name may stand for."""
    roots = ("models", "model", "utils", "networks", "solo", "simclr", "lightly")
    for name in [name for name in sys.modules if name.split(".")[0] in roots]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))


def randomised(model: nn.Module) -> nn.Module:
    """The model in evaluation mode, with random statistics and weights of its normalisation."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()


def stepped(model: nn.Module) -> torch.optim.Optimizer:
    """Stochastic gradient descent after a step, whose state has momenta."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    out = model(torch.randn(4, 3, 32, 32))
    (out[-1] if isinstance(out, tuple) else out).square().sum().backward()
    optimizer.step()
    return optimizer


def by_lightning(model: Any, file: Path) -> None:
    """The checkpoint that Lightning's trainer writes."""
    bases = {kind.__module__.split(".")[0] for kind in type(model).__mro__}
    pl = importlib.import_module("lightning.pytorch" if "lightning" in bases else "pytorch_lightning")
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
    trainer.strategy.connect(model)
    trainer.save_checkpoint(file)


def of_pair(model: nn.Module, file: Path, statistics: Any) -> Original:
    """A model whose forward pass gives features and embedding."""
    return Original(file, lambda x: model(x)[0], lambda x: model(x)[1], statistics)


def hscl(clones: Path, folder: Path) -> Original:
    """rjiang03/H-SCL, main/main.py."""
    model = randomised(nn.DataParallel(imported(clones / "H-SCL" / "main", "model").Model(128)))
    torch.save(model.state_dict(), folder / "hscl.pth")
    return of_pair(model, folder / "hscl.pth", WITHIN)


def hcl(clones: Path, folder: Path) -> Original:
    """joshr17/HCL, image/main.py."""
    model = randomised(nn.DataParallel(imported(clones / "HCL" / "image", "model").Model(128)))
    torch.save(model.state_dict(), folder / "hcl.pth")
    return of_pair(model, folder / "hcl.pth", WITHIN)


def _supcon(clones: Path, folder: Path, name: str, head: str, parallel: bool) -> Original:
    model = imported(clones / "SupContrast", "networks.resnet_big").SupConResNet(name, head=head)
    if parallel:
        model.encoder = nn.DataParallel(model.encoder)
    optimizer = stepped(model)
    randomised(model)
    options = argparse.Namespace(dataset="cifar10", temp=0.07, model=name, method="SupCon", epochs=1)
    state = {"opt": options, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 1}
    torch.save(state, folder / "supcon.pth")
    return Original(folder / "supcon.pth", model.encoder, model, WITHIN)


def supcon_resnet18_mlp(clones: Path, folder: Path) -> Original:
    """HobbitLong/SupContrast, main_supcon.py."""
    return _supcon(clones, folder, "resnet18", "mlp", parallel=False)


def supcon_resnet50_linear_gpus(clones: Path, folder: Path) -> Original:
    """HobbitLong/SupContrast on several GPUs."""
    return _supcon(clones, folder, "resnet50", "linear", parallel=True)


def _solo(clones: Path, folder: Path, method: str, kind: str, **own: Any) -> Original:
    omegaconf = importlib.import_module("omegaconf")
    solo = imported(clones / "solo-learn", f"solo.methods.{method}")
    file = clones / "solo-learn" / "scripts" / "pretrain" / "cifar" / f"{method}.yaml"
    cfg = omegaconf.OmegaConf.load(file)
    cfg.pop("defaults", None)
    cfg.data.num_classes, cfg.data.num_large_crops, cfg.data.num_small_crops = 10, 2, 0
    cfg.update(own)
    model = randomised(getattr(solo, kind)(cfg))
    by_lightning(model, folder / "solo.ckpt")
    args = omegaconf.OmegaConf.to_container(model.cfg)
    (folder / "args.json").write_text(json.dumps(args, default=lambda o: "<not serializable>"))
    statistics = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    return Original(folder / "solo.ckpt", lambda x: model(x)["feats"], lambda x: model(x)["z"], statistics)


def solo_learn_simclr(clones: Path, folder: Path) -> Original:
    """vturrisi/solo-learn, SimCLR on CIFAR-10."""
    return _solo(clones, folder, "simclr", "SimCLR")


def solo_learn_supcon(clones: Path, folder: Path) -> Original:
    """vturrisi/solo-learn, SupCon on CIFAR-10."""
    return _solo(clones, folder, "supcon", "SupCon")


def solo_learn_simsiam(clones: Path, folder: Path) -> Original:
    """vturrisi/solo-learn, SimSiam on CIFAR-10."""
    return _solo(clones, folder, "simsiam", "SimSiam")


def lightly_imagenet(clones: Path, folder: Path) -> Original:
    """lightly-ai/lightly, benchmarks/imagenet/resnet50/simclr.py."""
    imported(clones / "lightly", "lightly")
    benchmarks = str(clones / "lightly" / "benchmarks" / "imagenet" / "resnet50")
    sys.path[:0] = [benchmarks, str(clones / "lightly")]
    model = importlib.import_module("simclr").SimCLR(batch_size_per_device=8, num_classes=10, knn_k=5, knn_t=0.1)
    del sys.path[:2]
    return _lightly(randomised(model), folder)


def lightly_cifar(clones: Path, folder: Path) -> Original:
    """lightly-ai/lightly, docs/source/getting_started/benchmarks/cifar10_benchmark.py, whose class is taken out."""
    script = clones / "lightly" / "docs" / "source" / "getting_started" / "benchmarks" / "cifar10_benchmark.py"
    tree = ast.parse(script.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "SimCLRModel"]
    names = {
        "nn": nn,
        "BenchmarkModule": imported(clones / "lightly", "lightly.utils.benchmarking").BenchmarkModule,
        "ResNetGenerator": importlib.import_module("lightly.models").ResNetGenerator,
        "heads": importlib.import_module("lightly.models.modules.heads"),
        "NTXentLoss": importlib.import_module("lightly.loss").NTXentLoss,
    }
    exec(compile(tree, str(script), "exec"), names)  # of the clone that the user named
    return _lightly(randomised(names["SimCLRModel"](None, 10)), folder)


def _lightly(model: Any, folder: Path) -> Original:
    by_lightning(model, folder / "lightly.ckpt")

    def features(x: Tensor) -> Tensor:
        return model.backbone(x).flatten(start_dim=1)

    return Original(folder / "lightly.ckpt", features, lambda x: model.projection_head(features(x)), IMAGENET)


def understanding_ssl(clones: Path, folder: Path) -> Original:
    """DLFundamentals/understanding-ssl, scripts/multigpu_train_simclr.py, twice as wide as configured for CIFAR-10."""
    sys.modules.setdefault("wandb", types.ModuleType("wandb"))  # it logs to it while training only
    network = importlib.import_module("torchvision.models").resnet50()
    model = imported(clones / "understanding-ssl", "models.simclr").SimCLR(
        network, dataset="cifar10", width_multiplier=2, hidden_dim=2048, projection_dim=64
    )
    optimizer = stepped(model)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    randomised(model)
    snapshot = {
        "MODEL_STATE": model.state_dict(),
        "EPOCHS_RUN": 1,
        "OPTIMIZER": optimizer.state_dict(),
        "SCHEDULER": scheduler.state_dict(),
    }
    torch.save(snapshot, folder / "snapshot_1.pth")
    return of_pair(model, folder / "snapshot_1.pth", WITHIN)


def torchvision_resnet34(clones: Path, folder: Path) -> Original:
    """torchvision's ResNet-34."""
    model = randomised(importlib.import_module("torchvision.models").resnet34())
    torch.save(model.state_dict(), folder / "resnet34.pth")
    model.fc = nn.Identity()
    return Original(folder / "resnet34.pth", model, model, IMAGENET)


def _timm(folder: Path, name: str) -> Original:
    timm = importlib.import_module("timm")
    model = randomised(timm.create_model(name, num_classes=10))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    options = argparse.Namespace(model=name, num_classes=10, mean=None, std=None, img_size=None)
    saver = importlib.import_module("timm.utils").CheckpointSaver(
        model, optimizer, args=options, checkpoint_dir=str(folder), recovery_dir=str(folder)
    )
    saver.save_checkpoint(0, metric=0.5)
    model.reset_classifier(0)
    statistics = tuple(model.pretrained_cfg[key] for key in ("mean", "std"))
    return Original(folder / "last.pth.tar", model, model, statistics)


def timm_resnet18(clones: Path, folder: Path) -> Original:
    """timm's ResNet-18, by the checkpoint saver of its training script."""
    return _timm(folder, "resnet18")


def timm_mobilenetv3(clones: Path, folder: Path) -> Original:
    """timm's MobileNetV3, which is built by timm."""
    return _timm(folder, "mobilenetv3_small_100")


ORIGINALS = (
    hscl, hcl, supcon_resnet18_mlp, supcon_resnet50_linear_gpus, solo_learn_simclr, solo_learn_supcon,
    solo_learn_simsiam, lightly_imagenet, lightly_cifar, understanding_ssl, torchvision_resnet34, timm_resnet18,
    timm_mobilenetv3,
)  # fmt: skip


def import_torchvision() -> Any:
    """torchvision; where its compiled operators do not load, with their names declared, which is all its files need."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
    spec = find_spec("torchvision")
    text = (Path(spec.origin).parent / "_meta_registrations.py").read_text()  # type: ignore[union-attr, arg-type]
    names = set(re.findall(r'register_meta\("(\w+)"\)|"torchvision::(\w+)"', text))
    global operators  # declarations last as long as this object
    operators = torch.library.Library("torchvision", "DEF")
    for name in {one or other for one, other in names}:
        operators.define(f"{name}(Tensor x) -> Tensor")
    return importlib.import_module("torchvision")


def apart(ours: Tensor, theirs: Tensor) -> str:
    """The largest distance of two rows of norm 1, and the least of two images, which must be far more."""
    one, other = (each.flatten(1) / each.flatten(1).norm(dim=1, keepdim=True) for each in (ours, theirs))
    between = torch.pdist(other).min()
    return f"{float((one - other).norm(dim=1).max()):.1e} (images {float(between):.1e})"


def main() -> None:
    """One line for each: the largest distance of features, and of embeddings, in parts of their norm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path)
    clones = parser.parse_args().clones.resolve()
    print(f"torch {torch.__version__}, torchvision {import_torchvision().__version__}")
    images = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for make in ORIGINALS:
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            original = make(clones, Path(folder))
            checkpoint = bc.load_encoder(original.file)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in original.statistics)
        with torch.no_grad():
            features, embedding = checkpoint.encoder(images)
            x = (images - mean) / std
            found = apart(features, original.features(x)), apart(embedding, original.embedding(x))
        line = f"{make.__name__:28} read as {checkpoint.config.format:18} temperature {checkpoint.config.temperature}"
        print(f"{line} features {found[0]} embedding {found[1]}", flush=True)


if __name__ == "__main__":
    main()
