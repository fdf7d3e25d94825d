"""The kind of a machine: what a rehearsal shows on one machine holds for all machines of its kind."""

from __future__ import annotations

import platform

import torch


def kind_of_machine(device: str) -> str:
    """Processor, instruction set and device, such as `x86_64, AVX512, NVIDIA H100 80GB HBM3`.

    Empty if torch does not see the device here.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        return ""
    return ", ".join((platform.machine(), instruction_set(), device_name(torch.device(device))))


def instruction_set() -> str:
    """The instructions that torch uses on the CPU, such as `AVX512`."""
    return torch.backends.cpu.get_cpu_capability()


def device_name(device: torch.device) -> str:
    """The name of a device, such as `NVIDIA H100 80GB HBM3` or `x86_64`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"
