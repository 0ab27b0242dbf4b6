"""The one error of this package that a person can act on."""


class WeightsError(Exception):
    """Weights that cannot be had or cannot be trusted; the message says which, why and what to do."""
