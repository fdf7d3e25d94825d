"""The names of optimizers, without importing torch: enough to correct a misspelled one before anything starts.

A name that is not listed is not refused: a newer torch may have it, and `optimizers`, the module next to this one,
checks.
"""

_OF_ALL = ("maximize", "foreach", "capturable", "differentiable", "fused", "weight_decay", "eps")

OPTIMIZER_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "ASGD": ("lambd", "alpha", "t0", *_OF_ALL),
    "Adadelta": ("rho", *_OF_ALL),
    "Adafactor": ("beta2_decay", "d", *_OF_ALL),
    "Adagrad": ("lr_decay", "initial_accumulator_value", *_OF_ALL),
    "Adam": ("betas", "amsgrad", "decoupled_weight_decay", *_OF_ALL),
    "AdamW": ("betas", "amsgrad", *_OF_ALL),
    "Adamax": ("betas", *_OF_ALL),
    "Muon": ("momentum", "nesterov", "ns_coefficients", "ns_steps", "adjust_lr_fn", *_OF_ALL),
    "NAdam": ("betas", "momentum_decay", "decoupled_weight_decay", *_OF_ALL),
    "RAdam": ("betas", "decoupled_weight_decay", *_OF_ALL),
    "RMSprop": ("alpha", "momentum", "centered", *_OF_ALL),
    "SGD": ("momentum", "dampening", "nesterov", *_OF_ALL),
    "TFAdam": ("betas", "eps"),
}
"""The optimizers that can be used, and their arguments besides `lr`."""

REFUSED_OPTIMIZERS = ("LBFGS", "Rprop", "SparseAdam")
"""Those that torch has but trials cannot use; `optimizers` says why."""
