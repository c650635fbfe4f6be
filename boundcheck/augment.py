"""Random views of images: SimCLR's, as in the code of Jiang 2022 and Robinson et al. 2021, batched.

A view depends only on (seed, instance, view): not on the batch it is made in, its order, or the number of
workers. Every instance owns one row of uniform numbers, drawn in fixed blocks of instances from a
counter-based generator (Philox) keyed by (seed, view, block); every random choice reads its own columns of
that row.

Departures from torchvision, which the authors use: crop boxes are not rounded to pixels, and values are not
rounded to 8 bits between steps. Crops are only ever enlarged, so bilinear sampling needs no antialiasing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

_BLOCK = 4096  # instances whose numbers are drawn together; part of what a seed means
_CROP_ATTEMPTS = 10  # as torchvision's RandomResizedCrop
_CROP = slice(0, 2 * _CROP_ATTEMPTS)
_POSITION = slice(_CROP.stop, _CROP.stop + 2)
_FACTORS = slice(_POSITION.stop, _POSITION.stop + 4)
_ORDER = slice(_FACTORS.stop, _FACTORS.stop + 4)
_FLIP, _JITTER, _GREY, _BLUR, _SIGMA = range(_ORDER.stop, _ORDER.stop + 5)
_COLUMNS = _SIGMA + 1

_GLYPHS = frozenset({"digits", "mnist", "emnist", "kmnist", "usps"})


@dataclass(frozen=True)
class ViewRecipe:
    """Strengths and probabilities of random views; the defaults are the authors' for 32 x 32 colour images.

    Attributes:
        crop_scale: least and greatest share of the image's area that a crop keeps; (1, 1) for no crop.
        crop_ratio: least and greatest width / height of a crop.
        flip: probability of a horizontal flip.
        jitter: probability of the jitter, whose steps come in random order.
        brightness: the factor is uniform in 1 -/+ this; likewise `contrast` and `saturation`.
        contrast: see `brightness`; the factor pulls towards the image's mean grey.
        saturation: see `brightness`; the factor pulls towards the image's own grey.
        hue: the shift is uniform in -/+ this, in turns of the colour wheel.
        grey: probability of dropping the colour.
        blur: probability of a Gaussian blur.
        blur_kernel: side of the blur's window, pixels, odd.
        blur_sigma: least and greatest standard deviation of the blur, pixels.
    """

    crop_scale: tuple[float, float] = (0.08, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    grey: float = 0.2
    blur: float = 0.5
    blur_kernel: int = 3
    blur_sigma: tuple[float, float] = (0.1, 2.0)


IDENTITY = ViewRecipe(crop_scale=(1.0, 1.0), flip=0.0, jitter=0.0, grey=0.0, blur=0.0)


def recipe_for(channels: int, size: int, dataset: str = "") -> ViewRecipe:
    """The recipe that fits the images: the authors', reduced where it would destroy the image.

    Colour images get the authors' recipe, with the blur's window at a tenth of the image (SimCLR). Grey
    images have no hue, saturation or colour to drop, and small grey objects fill the frame, so a crop keeps
    at least 0.3 of the area. Glyphs (digits, letters) are never flipped: a mirrored glyph is another glyph.
    Images under 16 pixels keep at least 0.6 of the area and are not blurred: at 8 x 8 a stroke is one pixel
    wide.

    Args:
        channels: 1 or 3.
        size: side of the image, pixels.
        dataset: name of the data set; known sets of glyphs are not flipped.

    Returns:
        The recipe.
    """
    kernel = max(3, size // 10 | 1)
    if channels == 3:
        return ViewRecipe(blur_kernel=kernel)
    tiny = size < 16
    return ViewRecipe(
        crop_scale=(0.6, 1.0) if tiny else (0.3, 1.0),
        flip=0.0 if tiny or dataset in _GLYPHS else 0.5,
        saturation=0.0,
        hue=0.0,
        grey=0.0,
        blur=0.0 if tiny else 0.5,
        blur_kernel=kernel,
    )


def views(
    images: UInt8[Tensor, "b ch h w"],
    indices: Int[Tensor, " b"] | Int[np.ndarray, " b"],
    view: int,
    seed: int,
    recipe: ViewRecipe,
) -> Float[Tensor, "b ch h w"]:
    """One random view of each image, on the device of the images.

    Args:
        images: pixels, 0 to 255, with 1 or 3 channels.
        indices: which instance of the data set each image is; with `view` and `seed` it decides the view.
        view: index of the view, from 0.
        seed: seed of all views of a data set.
        recipe: strengths and probabilities.

    Returns:
        Views of the same size with values in [0, 1].
    """
    uniform = _uniforms(seed, view, np.asarray(indices))  # (b, _COLUMNS)
    x = images / 255
    if recipe.crop_scale != (1.0, 1.0) or recipe.flip > 0:
        grid = _sampling_grid(uniform, recipe, *x.shape[2:]).to(x.device)
        x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    if recipe.jitter > 0:
        _jitter(x, uniform, recipe)
    if x.shape[1] == 3 and recipe.grey > 0:
        _apply(x, uniform[:, _GREY] < recipe.grey, lambda part: _grey(part).expand_as(part))
    if recipe.blur > 0:
        low, high = recipe.blur_sigma
        sigma = low + (high - low) * uniform[:, _SIGMA]
        _apply(x, uniform[:, _BLUR] < recipe.blur, partial(_blur, kernel=recipe.blur_kernel), sigma)
    return x.clamp_(0, 1)


@lru_cache(maxsize=128)
def _block(seed: int, view: int, block: int) -> Float[np.ndarray, "block columns"]:
    """The uniform numbers of one block of instances; kept, because shuffled batches visit every block."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, view, block])))
    return generator.random((_BLOCK, _COLUMNS), dtype=np.float32)


def _uniforms(seed: int, view: int, indices: Int[np.ndarray, " b"]) -> Float[np.ndarray, "b columns"]:
    """The row of uniform numbers that each instance owns."""
    block, row = np.divmod(indices, _BLOCK)
    out = np.empty((len(indices), _COLUMNS), np.float32)
    for k in np.unique(block):
        out[block == k] = _block(seed, view, int(k))[row[block == k]]
    return out


def _sampling_grid(
    uniform: Float[np.ndarray, "b columns"], recipe: ViewRecipe, height: int, width: int
) -> Float[Tensor, "b h w 2"]:
    """Where every pixel of a view lies in its image, in [-1, 1]: inside the crop, mirrored where flipped."""
    area_u, ratio_u = np.split(uniform[:, _CROP].astype(np.float64), 2, axis=1)  # (b, attempts) each
    area = recipe.crop_scale[0] + (recipe.crop_scale[1] - recipe.crop_scale[0]) * area_u
    low, high = np.log(recipe.crop_ratio)
    ratio = np.exp(low + (high - low) * ratio_u)
    aspect = height / width
    sides = np.stack([np.sqrt(area * ratio * aspect), np.sqrt(area / ratio / aspect)], axis=2)  # shares of w, h
    fits = np.all(sides <= 1, axis=2)
    first = sides[np.arange(len(sides)), fits.argmax(axis=1)]  # (b, 2)
    side = np.where(fits.any(axis=1, keepdims=True), first, 1.0)
    centre = (1 - side) * (2 * uniform[:, _POSITION] - 1)
    side[:, 0] *= np.where(uniform[:, _FLIP] < recipe.flip, -1.0, 1.0)
    grid = np.empty((len(side), height, width, 2), np.float32)
    grid[..., 0] = (side[:, :1] * _pixel_centres(width) + centre[:, :1])[:, None, :]
    grid[..., 1] = (side[:, 1:] * _pixel_centres(height) + centre[:, 1:])[:, :, None]
    return torch.from_numpy(grid)


def _pixel_centres(size: int) -> Float[np.ndarray, " size"]:
    return (2 * np.arange(size) + 1) / size - 1


def _jitter(x: Float[Tensor, "b ch h w"], uniform: Float[np.ndarray, "b columns"], recipe: ViewRecipe) -> None:
    """Brightness, contrast, saturation, hue of the chosen images, each in its own random order, in place."""
    spread = np.array([recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue], np.float32)
    amount = (2 * uniform[:, _FACTORS] - 1) * spread  # (b, 4)
    steps = (_brightness, _contrast, _saturation, _hue)[: 4 if x.shape[1] == 3 else 2]
    order = uniform[:, _ORDER][:, : len(steps)].argsort(axis=1)
    chosen = uniform[:, _JITTER] < recipe.jitter
    for place in range(len(steps)):
        for k, step in enumerate(steps):
            _apply(x, chosen & (order[:, place] == k), step, amount[:, k])


def _apply(
    x: Float[Tensor, "b ch h w"],
    chosen: Bool[np.ndarray, " b"],
    step: Callable[..., Tensor],
    amount: Float[np.ndarray, " b"] | None = None,
) -> None:
    """Replaces the chosen images by what the step makes of them, given each one's amount (b, 1, 1, 1)."""
    if not chosen.any():
        return
    rows = torch.from_numpy(np.flatnonzero(chosen)).to(x.device)  # chosen here, so that no GPU is waited for
    given = () if amount is None else (torch.from_numpy(amount[chosen]).to(x.device)[:, None, None, None],)
    x.index_copy_(0, rows, step(x.index_select(0, rows), *given))


def _brightness(x: Tensor, amount: Tensor) -> Tensor:
    return x.mul_(1 + amount).clamp_(0, 1)


def _contrast(x: Tensor, amount: Tensor) -> Tensor:
    grey = x if x.shape[1] == 1 else _grey(x)
    mean = grey.mean(dim=(1, 2, 3), keepdim=True)
    return x.mul_(1 + amount).sub_(amount * mean).clamp_(0, 1)


def _saturation(x: Tensor, amount: Tensor) -> Tensor:
    grey = _grey(x)  # of the colours as they came
    return x.mul_(1 + amount).sub_(amount * grey).clamp_(0, 1)


def _grey(x: Tensor) -> Tensor:
    """(b, 1, h, w) luma of colour images."""
    from kornia.color import rgb_to_grayscale  # a quarter of a second to import

    grey: Tensor = rgb_to_grayscale(x)
    return grey


def _hue(x: Tensor, amount: Tensor) -> Tensor:
    """The hue of HSV, shifted; its largest and smallest channel value stay."""
    red, green, blue = x.unbind(1)
    high, low = x.amax(1), x.amin(1)
    chroma = high - low
    is_red, is_green = (red >= green) & (red >= blue), green >= blue
    above = torch.where(is_red, green - blue, torch.where(is_green, blue - red, red - green))
    sector = torch.where(is_red, 0.0, torch.where(is_green, 2.0, 4.0)) + 6 * amount[:, 0]
    hue = (above / chroma.clamp(min=1e-12) + sector).remainder_(6)  # in sixths of a turn
    shares = ((hue - 3).abs_() - 1, 2 - (hue - 2).abs_(), 2 - (hue - 4).abs_())
    return torch.stack([torch.addcmul(low, chroma, share.clamp_(0, 1)) for share in shares], dim=1)


def _blur(x: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Gaussian blur, each image with its own sigma; the image is mirrored at its borders."""
    reach = kernel // 2
    offset = torch.arange(-reach, reach + 1, device=x.device)
    weights = (-offset.square() / (2 * sigma.square())).softmax(dim=3)  # (b, 1, 1, kernel)
    for axis, pad in ((2, (0, 0, reach, reach)), (3, (reach, reach, 0, 0))):
        size, padded = x.shape[axis], F.pad(x, pad, mode="reflect")
        x = padded.narrow(axis, 0, size) * weights[..., :1]
        for k in range(1, kernel):
            x.addcmul_(padded.narrow(axis, k, size), weights[..., k : k + 1])
    return x
