"""Networks, one module per family, and which of their weights are prunable. This module lists their names.

Importing this module imports no torch. The room imports no store and no training code.

A factory takes what the data offer, such as `input_shape` (channels, height, width) and `classes`, and its own
arguments, and returns a torch.nn.Module, freshly initialized from torch's default CPU generator. On images, it maps a
float batch (N, C, H, W) to logits (N, classes).
"""

from workers.registry import Entry


def _cifar_resnet(depth: int, note: str) -> Entry:
    return Entry(
        factory="workers.models.cifar_resnet:cifar_resnet",
        summary=f"CIFAR ResNet-{depth}{note}",
        arguments={"width": int},
        fixed={"depth": depth},
        canonical="cifar_resnet",
    )


def _imagenet_resnet(depth: int, weights: str) -> Entry:
    return Entry(
        factory="workers.models.imagenet_resnet:imagenet_resnet",
        summary=f"ImageNet ResNet-{depth} v1.5, {weights} prunable weights",
        fixed={"depth": depth},
        canonical="imagenet_resnet",
    )


NETWORKS = {
    "resnet20": _cifar_resnet(20, ", 271,152 prunable weights"),
    "resnet56": _cifar_resnet(56, ", 851,760 prunable weights"),
    "resnet110": _cifar_resnet(110, ", 1,722,672 prunable weights"),
    "resnet8": _cifar_resnet(8, ": small, for demos"),
    "cifar_resnet": Entry(
        factory="workers.models.cifar_resnet:cifar_resnet",
        summary="CIFAR ResNet of any depth 6n+2 and any width (of the first stage)",
        arguments={"depth": int, "width": int},
        required=("depth",),
    ),
    "vgg16": Entry(
        factory="workers.models.vgg:vgg16",
        summary="VGG-16 with one linear layer, for images of at least 32×32 pixels, 14,715,584 prunable weights",
    ),
    "resnet34": _imagenet_resnet(34, "21,783,744"),
    "resnet50": _imagenet_resnet(50, "25,502,912"),
    "imagenet_resnet": Entry(
        factory="workers.models.imagenet_resnet:imagenet_resnet",
        summary="ImageNet ResNet v1.5 of depth 34 or 50",
        arguments={"depth": int},
        required=("depth",),
    ),
    "torchvision": Entry(
        factory="workers.models.torchvision_classifier:torchvision_classifier",
        summary="any image classifier of torchvision: its name as `model`, and its arguments",
        arguments={"model": str},
        required=("model",),
        open=True,
    ),
    "gnmt": Entry(
        factory="workers.models.translation.gnmt:gnmt",
        summary="GNMT for sentence pairs: LSTMs with attention, 4 layers of 1,024 units unless others are given",
        arguments={"units": int, "layers": int, "dropout": (int, float), "shared_embedding": bool},
    ),
    "mlp": Entry(
        factory="workers.models.mlp:mlp",
        summary="fully connected; LeNet-300-100 unless `hidden` is given",
        arguments={"hidden": list, "dropout": (int, float), "batch_norm": bool},
    ),
}


def is_shipped(name: str) -> bool:
    """Whether the code of a network is prunesweep's own, which is known to train in every way that recipes offer."""
    return name in NETWORKS and not NETWORKS[name].open
