"""Checks the answers of the lesson: whether a number is in the right range. Reading on gives the answers away."""

# The range of each answer, and a hint for a number outside it.
ANSWERS = {
    "entropy": (0.2532, 0.2534, "It is the same in all rows of the column `entropy`."),
    "lowest": (0.65, 0.665, "Take the minimum of the column `loss`."),
    "reducible_share": (0.6, 0.63, "Divide the lowest loss minus the entropy by the lowest loss."),
    "alpha_by_hand": (0.26, 0.31, "A power law has R_small / R_large = (N_large / N_small)^alpha. Take logarithms."),
    "alpha_n": (0.265, 0.305, "The line falls, and alpha is positive: it is minus the first number that polyfit returns."),
    "alpha": (0.38, 0.45, "Does the function return A / N**alpha + B / D**beta?"),
    "beta": (0.53, 0.61, "Does the function return A / N**alpha + B / D**beta?"),
    "alpha_zero": (0.15, 0.20, "Use exponent_and_rms with the floor 0."),
    "alpha_high": (0.42, 0.53, "Use exponent_and_rms with the floor 0.45."),
    "is_inside": (1, 1, "Compare the entropy with the columns `low` and `high` of the number `E`."),
    "a": (0.45, 0.52, "N* = k·C^a is a line in logarithms. Its slope is the first number that polyfit returns."),
    "tokens_per_parameter": (34, 47, "Divide the column `tokens` by the column `parameters`, and take the mean."),
    "factor_of_compute": (28, 36, "Divide the smallest `c_exact` of the large runs by the largest of the small runs."),
    "largest_error": (0.001, 0.03, "Take the largest absolute value of predicted / measured − 1."),
    "runs_inside": (3, 4, "Count the large runs whose loss is at least `low` and at most `high`."),
    "overestimate": (1.8, 2.7, "Divide the predicted reducible loss by the measured one, at the largest compute."),
    "scan_factor": (0.48, 0.68, "Divide the compute that the scan needs by the compute that attention needs."),
}

_right = {}


def answered(*values):
    """Returns whether no value is still `...`."""
    return not any(value is ... for value in values)


def check(**answers):
    """Says of each answer whether it is in the right range."""
    for name, value in answers.items():
        low, high, hint = ANSWERS[name]
        _right.pop(name, None)
        if not answered(value):
            print(f"{name}: not yet answered")
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            _right[name] = False
            print(f"{name}: is not one number. {hint}")
            continue
        _right[name] = low <= number <= high
        print(f"{name} = {number:.4g}: " + ("right" if _right[name] else f"not in the right range. {hint}"))


def summary():
    """Says how many answers there are, and how many of them are right."""
    print(f"{len(_right)} of {len(ANSWERS)} answered, {sum(_right.values())} right")
