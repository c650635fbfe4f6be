"""`train`: checks what it is asked for, puts a run together, and hands it to the loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

import boundcheck
from boundcheck._device import resolve_device
from boundcheck._places import Place, occupied
from boundcheck.augment import IDENTITY, recipe_for
from boundcheck.data import ImageSet, Progress
from boundcheck.errors import InputError
from boundcheck.lab.objectives import OBJECTIVES, batch_inputs, check_positives
from boundcheck.options import check, whole
from boundcheck.ranks import join_ranks

from .apart import ViewByView
from .classifier import WithClassifier
from .distributed import TIME_OUT, spread
from .loop import Loop
from .loss_options import OptionValue, loss_keywords
from .plan import Plan
from .prepare import check_images, data_facts, new_encoder
from .record import EpochEnd, check_folder
from .state import Position, is_finished, load_state, trained_modules
from .step import Step


def train(
    image_set: ImageSet,
    *,
    objective: str,
    out: str | os.PathLike[str],
    arch: str = "convnet",
    epochs: int = 20,
    batch_size: int = 256,
    temperature: float = 0.5,
    beta: float = 1.0,
    positives: str = "auto",
    weight_gradient: bool = True,
    options: Mapping[str, OptionValue] = {},
    n_views: int = 2,
    augment: bool = True,
    views_apart: bool = False,
    embedding_dim: int | None = None,
    unit_ball: bool = False,
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-6,
    schedule: str = "constant",
    warmup_epochs: int = 0,
    accumulate: int = 1,
    precision: str = "float32",
    save_every: int | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    callbacks: Sequence[Callable[[EpochEnd], object]] = (),
    watch: Callable[[Tensor, Tensor], object] | None = None,
    command: str | None = None,
) -> Path:
    """Trains an encoder with one of the batch losses, as in the code of Jiang 2022 (arXiv 2209.00078).

    Adam on two random views of every image (`recipe_for` the images), L2-normalised embeddings, fresh views
    in every epoch; where their code and that of Jiang 2024 (arXiv 2311.05139) do otherwise, an argument says
    so. The last, smaller batch of an epoch is left out, because Q and the statistics follow the batch
    size. An objective that takes `class_logits` gets a linear classifier on the backbone features, trained
    beside the encoder and not kept. With the same seed on the same machine and thread count the CPU gives the
    same weights, also when the run was killed and resumed.

    Several processes: `torchrun --nproc-per-node 4 -m boundcheck train ...`, or this call in a process group
    of one's own. Each process takes its part of every batch; the loss, its gradients and batch normalisation
    are those of the whole batch, so the number of processes changes nothing but rounding. The first process
    writes and calls back; all need the images, and with `resume` the folder `out`.

    Args:
        image_set: n square images with labels.
        objective: a name in `OBJECTIVES`.
        out: folder for `encoder.pt`, `history.csv` and `run.json`, rewritten after every epoch; held by this
            process until the end.
        arch: a name in `ENCODERS`.
        epochs: passes over the images.
        batch_size: images in a batch, at least 2; no more than n are used.
        temperature: of the loss.
        beta: hardness, for the objectives that tilt; the others do not read it.
        positives: `augmentation`, `class`, or `auto` for the objective's own.
        weight_gradient: whether gradients go through the tilt's weights.
        options: values for hyperparameters of the objective alone, such as `tau_plus` or `q`.
        n_views: v, views of every image in a batch; with one, positives are by class.
        augment: whether views are augmented; otherwise every view is the image itself.
        views_apart: whether views pass through the encoder one after the other, so that batch normalisation
            sees each alone (the authors' code), or together, as one batch.
        embedding_dim: width of the embedding; None for the architecture's own. Jiang 2024 takes C - 1.
        unit_ball: whether embeddings are scaled into the unit ball (Jiang 2024) and not onto the sphere.
        learning_rate: Adam's, after warm-up.
        weight_decay: Adam's L2 penalty.
        schedule: a name in `SCHEDULES`: `constant`, or `cosine` down to zero.
        warmup_epochs: epochs of linear warm-up, fewer than `epochs`.
        accumulate: batches whose gradients are averaged into one step of the optimizer. A contrastive loss
            takes negatives, positives by class and Q from each batch alone, so this is not the loss of one
            batch `accumulate` times as large: it lowers the noise and adds no negatives.
        precision: `float32`, or `bf16` for an encoder in bfloat16 mixed precision on a CUDA GPU; elsewhere
            it changes nothing. The loss is computed in float32.
        save_every: steps of the optimizer between two writes of `state.pt` within an epoch; None for none.
            It is always written after an epoch, and removed when the run is finished.
        seed: of initial weights, data order, views and what the objective draws.
        device: one of `auto`, `cpu`, `cuda`, `mps`.
        resume: go on where the run in `out` stopped, start it where there is none, leave it where it is
            finished. Its settings must be the same; device, processes and threads may differ.
        overwrite: whether an earlier run in `out` may be replaced.
        progress: called after each step with (done, total, "images").
        callbacks: each is called after every epoch, once its files are written. After a kill an epoch may
            end, and be told, a second time.
        watch: called after every batch with its embeddings (b, v, d) as the loss took them and its labels (b,).
        command: the command line to record.

    Returns:
        Path of `encoder.pt`.

    Raises:
        InputError: a parameter breaks its rule.
        FileError: `out` is in use or cannot be written.
        DivergedError: loss or weights are no longer finite; files of the last finished epoch stay.
    """
    common = {
        "temperature": temperature, "beta": beta, "positives": positives, "weight_gradient": weight_gradient,
    }  # fmt: skip
    keywords = loss_keywords(objective, common, options)
    check_images(image_set, by_class=keywords.get("positives") == "class")
    _check_views(n_views, keywords.get("positives"), embedding_dim)
    if resume and overwrite:
        raise InputError("resume: cannot go with overwrite, received both; choose one")
    plan = Plan(
        images=len(image_set),
        epochs=epochs,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup_epochs=warmup_epochs,
        precision=precision,
        save_every=save_every,
        seed=seed,
    )
    recipe = recipe_for(image_set.images.shape[1], image_set.images.shape[2], image_set.name)
    recipe = recipe if augment else IDENTITY
    encoder, config = new_encoder(image_set, arch, seed, embedding_dim, unit_ball)
    shared = {name: value for name, value in keywords.items() if name in common}
    config = replace(config, objective=objective, seed=seed, command=command, version=boundcheck.__version__, **shared)
    ranks = join_ranks(resolve_device(device), TIME_OUT)
    if plan.batch_size % ranks.size:
        raise InputError(
            f"batch_size: must be a multiple of the {ranks.size} processes, received {plan.batch_size}; change it"
        )
    bf16 = precision == "bf16" and ranks.device.type == "cuda"
    settings = {
        "config": asdict(config),
        "options": {name: value for name, value in keywords.items() if name not in common},
        "data": data_facts(image_set),
        "recipe": asdict(recipe),
        "views": {"number": n_views, "apart": views_apart},
        "optimizer": {"name": "Adam", "learning_rate": learning_rate, "weight_decay": weight_decay},
        "schedule": {"name": schedule, "warmup_epochs": warmup_epochs},
        "epochs": epochs,
        "batch_size": plan.batch_size,
        "accumulate": accumulate,
        "precision": "bf16" if bf16 else "float32",
    }
    with ExitStack() as stack:
        out, done = ranks.from_first(partial(_open, stack, out, settings, resume, overwrite))
        if done:
            return out / "encoder.pt"
        encoder = encoder.to(ranks.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = batch_inputs(OBJECTIVES[objective])
        model: nn.Module = encoder
        classifier = None
        if "class_logits" in inputs:
            model = joint = WithClassifier(encoder, len(image_set.classes), seed).to(ranks.device)
            classifier = joint.classifier
        if views_apart:
            model = ViewByView(model, n_views)
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
        position = load_state(out, trained_modules(encoder, classifier), optimizer, settings) if resume else Position()
        step = Step(
            images=torch.from_numpy(image_set.images).to(ranks.device),
            labels=torch.from_numpy(image_set.labels).to(ranks.device),
            model=spread(model, ranks),
            optimizer=optimizer,
            loss=partial(OBJECTIVES[objective], **keywords),
            draws="generator" in inputs,
            classifies=classifier is not None,
            recipe=recipe,
            seed=seed,
            accumulate=accumulate,
            bf16=bf16,
            ranks=ranks,
            n_views=n_views,
            normalise=config.normalize,
            watch=watch,
        )
        return Loop(plan, step, encoder, classifier, config, settings, out, progress, callbacks).run(position)


def _check_views(n_views: int, positives: object, embedding_dim: int | None) -> None:
    """Views enough for the positives."""
    check("n_views", n_views, whole(1), "the usual is 2")
    check("embedding_dim", embedding_dim, whole(1), optional=True)
    if isinstance(positives, str):
        check_positives(positives, n_views)


def _open(
    stack: ExitStack,
    out: str | os.PathLike[str],
    settings: Mapping[str, object],
    resume: bool,
    overwrite: bool,
) -> tuple[Path, bool]:
    """Holds the folder and makes it ready; also tells whether a run in it is finished."""
    folder = Path(out)
    if not isinstance(out, Place):  # which is held already
        stack.enter_context(occupied(folder))
    if resume and is_finished(folder, settings):
        return folder, True
    check_folder(folder, overwrite, resume)
    return folder, False
