# The source of lesson.ipynb and lesson-answers.ipynb: edit it, and run scripts/lesson.
# %% [markdown]
# # Scaling laws without training
#
# A lesson of 90 minutes. Several hundred small language models were trained before; their results are in
# `experiments/reference`. You read them, fit scaling laws to their losses, and predict the losses of larger models. Nothing is
# trained.
#
# | symbol | meaning |
# |---|---|
# | N | the number of parameters of a model |
# | D | the number of tokens that it was trained on; a token is a character here |
# | C | the floating-point operations (FLOPs) of the training |
# | L | the loss on held-out text, in nats per token |
# | H | the entropy of the text: the loss that no model can beat |
# | R | the reducible loss, L − H |
#
# The text is generated from a recipe, so that H is known exactly. For natural text it is not known.
#
# Replace each `...` before a `TODO` with an expression, and run the cell. `check` tells whether your answer is in the right
# range. Cells that need an answer that is missing do nothing. Write the answers to the questions below them.

# %%
import json
import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy
import pandas
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from scipy.optimize import least_squares

from checks import answered, check, summary
from isoflop import read_fits, read_runs

plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True, "grid.alpha": 0.3})
pandas.options.display.precision = 4


def label(axes, x, y="reducible loss R (nats per token)"):
    """Labels logarithmic axes."""
    axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
    for axis in axes.xaxis, axes.yaxis:
        low, high = axis.get_view_interval()
        digits = range(1, 10) if high < 4 * low else (1, 2, 5) if high < 50 * low else (1,)
        axis.set_major_locator(LogLocator(subs=digits))
        axis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_formatter("{x:g}")

# %% [markdown]
# ## 1. Runs
#
# The page `quickstart` has 32 runs: four sizes of model, some trained on 2M tokens, others with three compute budgets, with two
# seeds each. A row is a run. `experiments/README.md` explains the columns.

# %%
runs = read_runs("quickstart")
shown = ["width", "seed", "n_total", "d_tokens", "c_exact", "isoflop_budget", "loss", "loss_se"]
runs[shown + ["entropy", "reducible"]].head(12)

# %%
entropy = runs["entropy"].iloc[0]  # TODO: the entropy of the text
lowest = runs["loss"].min()  # TODO: the lowest loss of all runs
reducible_share = (lowest - entropy) / lowest  # TODO: which part of this lowest loss is reducible, between 0 and 1
check(entropy=entropy, lowest=lowest, reducible_share=reducible_share)

# %%
figure, panels = plt.subplots(1, 3, figsize=(10, 3.6))
quantities = {"n_total": "parameters N", "d_tokens": "tokens D", "c_exact": "compute C (FLOPs)"}
for axes, (column, name) in zip(panels, quantities.items()):
    for width, group in runs.groupby("width"):
        axes.plot(group[column], group["reducible"], "o", markersize=4, label=f"width {width}")
    label(axes, name)
panels[2].legend()
plt.show()

# %% [markdown]
# **Question.** In the left panel, models of equal size have losses that differ by a factor of two. Why?

# %% [markdown] answer
# They were trained on different numbers of tokens. A law in N alone holds only for runs that differ in N alone: here, for the
# runs with 2M tokens.

# %% [markdown]
# ## 2. A power law with a known floor
#
# At a fixed number of tokens we try R = A / N^α. First by hand, with the smallest and the largest model.

# %%
same_tokens = runs[runs["isoflop_budget"].isna()]
means = same_tokens.groupby("n_total")["reducible"].mean()
n_small, n_large = means.index[0], means.index[-1]
r_small, r_large = means.iloc[0], means.iloc[-1]
print(f"N = {n_small}: R = {r_small:.4f}    N = {n_large}: R = {r_large:.4f}")

alpha_by_hand = numpy.log(r_small / r_large) / numpy.log(n_large / n_small)  # TODO: α through both points
check(alpha_by_hand=alpha_by_hand)

# %% [markdown]
# A power law is a straight line in logarithms: log R = log A − α·log N. `numpy.polyfit(x, y, 1)` fits a line by least squares, and
# returns its slope and its intercept.

# %%
log_n, log_r = numpy.log(same_tokens["n_total"]), numpy.log(same_tokens["reducible"])
slope, intercept = numpy.polyfit(log_n, log_r, 1)
alpha_n = -slope  # TODO: α, from the slope
check(alpha_n=alpha_n)

sizes = numpy.geomspace(6e3, 6e4)
figure, axes = plt.subplots(figsize=(5, 3.6))
axes.plot(same_tokens["n_total"], same_tokens["reducible"], "o", markersize=4)
if answered(alpha_n):
    axes.plot(sizes, numpy.exp(intercept) * sizes**-alpha_n, label=f"R ∝ N^−{alpha_n:.3f}")
    axes.legend()
label(axes, "parameters N")
plt.show()

# %% [markdown]
# The page has fitted the same law, with a 95 % interval from a bootstrap:

# %%
fits = read_fits("quickstart")
print(fits.loc[("power_n_entropy", "alpha"), "law"])
fits.loc[["power_n_entropy"], ["value", "low", "high", "meaning"]]

# %% [markdown]
# Now all 32 runs: L(N, D) = H + A/N^α + B/D^β (Hoffmann et al. 2022). The fit minimises the squares of log L̂ − log L.

# %%
def reducible_law(n, d, a, alpha, b, beta):
    """The reducible loss of a model of n parameters that was trained on d tokens."""
    return a / n**alpha + b / d**beta  # TODO: the law above without H


def fit_law(table, floor):
    """Returns A, α, B and β for the runs of a table."""
    n, d, loss = (table[column].to_numpy(float) for column in ["n_total", "d_tokens", "loss"])

    def residuals(p):
        reducible = reducible_law(n, d, numpy.exp(p[0]), p[1], numpy.exp(p[2]), p[3])
        return numpy.log(floor + reducible) - numpy.log(loss)

    p = least_squares(residuals, [3, 0.4, 5, 0.5]).x
    return numpy.exp(p[0]), p[1], numpy.exp(p[2]), p[3]


alpha, beta = ..., ...
if answered(reducible_law(1e4, 1e6, 20, 0.4, 500, 0.5)):
    a_fitted, alpha, b_fitted, beta = fit_law(runs, runs["entropy"].iloc[0])
    print(f"L = H + {a_fitted:.1f} / N^{alpha:.3f} + {b_fitted:.0f} / D^{beta:.3f}")
check(alpha=alpha, beta=beta)
fits.loc[["chinchilla_entropy"], ["value", "low", "high", "meaning"]]

# %% [markdown]
# **Question.** The page minimises Huber's penalty, which grows more slowly than squares for large residuals. Are your α and β inside
# its intervals? When would the two fits differ much?

# %% [markdown] answer
# Both are inside. The fits would differ if a few losses were far off the law: least squares follows such points, Huber's penalty
# mostly ignores them.

# %% [markdown]
# ## 3. A wrong floor
#
# For natural text the floor is not known. What does a wrong one do to the exponent? Kaplan et al. (2020) used the floor 0.

# %%
def exponent_and_rms(floor):
    """Returns the exponent of N for a floor, and the root mean square of log L̂ − log L."""
    line = numpy.polyfit(log_n, numpy.log(same_tokens["loss"] - floor), 1)
    fitted = floor + numpy.exp(numpy.polyval(line, log_n))
    return -line[0], numpy.sqrt(numpy.mean(numpy.log(fitted / same_tokens["loss"]) ** 2))


alpha_zero = exponent_and_rms(0)[0]  # TODO: the exponent with the floor 0
alpha_high = exponent_and_rms(0.45)[0]  # TODO: the exponent with the floor 0.45
check(alpha_zero=alpha_zero, alpha_high=alpha_high)

floors = numpy.linspace(0, 0.6, 61)
curves = numpy.array([exponent_and_rms(floor) for floor in floors])
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6))
for axes, values, name in zip(panels, curves.T, ["exponent of N", "residuals of log L (rms)"]):
    axes.plot(floors, values)
    axes.axvline(runs["entropy"].iloc[0], color="grey", linestyle="--", label="entropy H")
    axes.set(xlabel="assumed floor (nats per token)", ylabel=name)
panels[0].legend()
plt.show()

# %% [markdown]
# Could the data find the floor? The page has also fitted E, the floor, to all runs:

# %%
floor_fit = fits.loc[("chinchilla", "E")]
print(f"E = {floor_fit['value']:.3f}, interval {floor_fit['low']:.3f} to {floor_fit['high']:.3f}")

h = runs["entropy"].iloc[0]
is_inside = floor_fit["low"] <= h <= floor_fit["high"]  # TODO: whether the interval of E contains H
check(is_inside=is_inside)

# %% [markdown]
# **Question.** By the right panel, which floor would you choose for the law in N? Why is it so far from H, and why is E not?

# %% [markdown] answer
# About 0.5. The runs of this law were all trained on 2M tokens, so its floor is not H but H + B/D^β: what an endlessly large model
# would still lose after so few tokens. By the law above that is 0.25 + 0.15. E is the floor of the law in both N and D, and its
# interval is wide: these runs, over less than a decade of N, do not determine a floor well.

# %% [markdown]
# ## 4. The best model for a compute budget
#
# The page `chinchilla` has six budgets of compute, each spent on seven sizes of model: an *IsoFLOP profile*. Near its minimum, the loss
# is a parabola in log N.

# %%
grid = read_runs("chinchilla")
profiles = grid.groupby(["isoflop_budget", "n_total"], as_index=False)[["d_tokens", "loss"]].mean()


def best_size(c0, c1, c2):
    """Returns where the parabola c0·x² + c1·x + c2 has its minimum."""
    return -c1 / (2 * c0)  # TODO: the minimum


optima = []
figure, axes = plt.subplots(figsize=(7, 4.2))
for budget, profile in profiles.groupby("isoflop_budget"):
    points = axes.plot(profile["n_total"], profile["loss"], "o", markersize=4, label=f"{budget:.1e} FLOPs")
    # The five sizes around the lowest loss: far from the minimum, a profile is no parabola.
    lowest_at = int(numpy.argmin(profile["loss"]))
    near = profile.iloc[max(0, lowest_at - 2) : lowest_at + 3]
    x = numpy.log(near["n_total"])
    parabola = numpy.polyfit(x, near["loss"], 2)
    if answered(best_size(*parabola)):
        best = best_size(*parabola)
        curve = numpy.linspace(x.min(), x.max())
        axes.plot(numpy.exp(curve), numpy.polyval(parabola, curve), color=points[0].get_color())
        axes.plot(numpy.exp(best), numpy.polyval(parabola, best), "k*", markersize=10)
        log_tokens = numpy.interp(best, numpy.log(profile["n_total"]), numpy.log(profile["d_tokens"]))
        optima.append({"budget": budget, "parameters": numpy.exp(best), "tokens": numpy.exp(log_tokens)})
optima = pandas.DataFrame(optima)
label(axes, "parameters N", "loss L (nats per token)")
axes.legend()
plt.show()
optima

# %% [markdown]
# How does the best size grow with the budget, N* ∝ C^a?

# %%
a, tokens_per_parameter = ..., ...
if len(optima):
    log_c, log_best = numpy.log(optima["budget"]), numpy.log(optima["parameters"])
    a = numpy.polyfit(log_c, log_best, 1)[0]  # TODO: the exponent a
    tokens_per_parameter = (optima["tokens"] / optima["parameters"]).mean()  # TODO: the mean of D*/N*
check(a=a, tokens_per_parameter=tokens_per_parameter)
approaches = [("envelope", "a"), ("isoflop", "a"), ("chinchilla_entropy", "a")]
read_fits("chinchilla").loc[approaches, ["value", "low", "high", "meaning"]]

# %% [markdown]
# **Question.** Chinchilla was trained on 20 tokens per parameter. What would you train with ten times the largest budget here: how many
# parameters, how many tokens? Why is the factor of tokens per parameter no law of nature?

# %% [markdown] answer
# With a near one half, N and D both grow by about √10 from the last row of the table: some 450 thousand parameters and 20 million
# tokens. The factor depends on the text, its tokens and the design of the model, through A and B; and if a is not exactly one half,
# it depends on the budget too.

# %% [markdown]
# ## 5. A forecast
#
# The page `forecast` predicts runs before they are trained. Fit the law to its small runs, and predict the large ones. The smallest
# models and the shortest runs are left out, because they are off the line.

# %%
forecast = read_runs("forecast")
is_large = forecast["isoflop_budget"] == forecast["isoflop_budget"].max()
large = forecast[is_large]
small = forecast[~is_large & (forecast["width"] >= 16) & (forecast["d_tokens"] >= 250_000)]

# How many times the compute of any small run do the large ones have?
factor_of_compute = large["c_exact"].min() / small["c_exact"].max()  # TODO: the smallest such factor
check(factor_of_compute=factor_of_compute)

# %% [markdown]
# The bootstrap asks how the forecast would vary if the runs were trained again. It draws as many trainings as there are, with
# replacement, fits the law to the drawn runs, and predicts. Runs with the same `trunk` began as one training, so they are drawn
# together. A single large run also has the noise of its seed, which is added here as a random residual of the fit.

# %%
random = numpy.random.default_rng(1)


def predict(table, law):
    """Returns the losses of a table's runs by a law."""
    n, d = table["n_total"].to_numpy(float), table["d_tokens"].to_numpy(float)
    return table["entropy"].to_numpy() + reducible_law(n, d, *law)


largest_error, runs_inside = ..., ...
if answered(reducible_law(1e4, 1e6, 20, 0.4, 500, 0.5)):
    floor = forecast["entropy"].iloc[0]
    law = fit_law(small, floor)
    residuals = numpy.log(small["loss"].to_numpy() / predict(small, law))
    trainings = [runs_of_one for _, runs_of_one in small.groupby("trunk", observed=True)]
    draws = []
    for _ in range(300):
        drawn = random.integers(len(trainings), size=len(trainings))
        drawn_law = fit_law(pandas.concat([trainings[index] for index in drawn]), floor)
        noise = numpy.exp(random.choice(residuals, len(large)))
        draws.append(predict(large, drawn_law) * noise)
    measured, predicted = large["loss"].to_numpy(), predict(large, law)
    low, high = numpy.quantile(draws, [0.025, 0.975], axis=0)
    columns = {"width": large["width"], "predicted": predicted, "low": low, "high": high}
    print(pandas.DataFrame(columns | {"measured": measured}).to_string(index=False))

    largest_error = abs(predicted / measured - 1).max()  # TODO: the largest relative error
    runs_inside = ((low <= measured) & (measured <= high)).sum()  # TODO: how many are in their interval
check(largest_error=largest_error, runs_inside=runs_inside)

# %%
figure, axes = plt.subplots(figsize=(7, 4.2))
axes.plot(small["c_exact"], small["reducible"], "o", markersize=4, label="small runs")
axes.plot(large["c_exact"], large["reducible"], "s", markersize=5, label="large runs, measured")
if answered(largest_error):
    errors = abs(numpy.array([low, high]) - predicted)
    # A little to the right, so that the points do not hide the intervals.
    places = large["c_exact"] * numpy.where(large["width"] == large["width"].min(), 1.2, 1.4)
    axes.errorbar(places, predicted - floor, errors, fmt="_", color="black", capsize=4, label="predicted")
label(axes, "compute C (FLOPs)")
axes.legend()
plt.show()

# %% [markdown]
# **Question.** What is not contained in these intervals?

# %% [markdown] answer
# That the law may have the wrong form. All draws use the same equation, which may hold within the small runs and fail beyond them: see
# the next part.

# %% [markdown]
# ## 6. Where the law bends
#
# The same models were trained on a GPU with up to 1500 times the compute of the page `chinchilla`. Fit a power law of C to the best
# run of each of its budgets, and follow it further.

# %%
package = Path.cwd().resolve().parents[1]
far = pandas.read_csv(package / "Sources/Analysis/References/village-far.csv")
far = far[far["learning_rate"] == 0.008]
frontier = grid.sort_values("reducible").groupby("isoflop_budget", as_index=False).first()

line = numpy.polyfit(numpy.log(frontier["c_exact"]), numpy.log(frontier["reducible"]), 1)
largest = far.loc[far["c_exact"].idxmax()]
by_law = numpy.exp(numpy.polyval(line, numpy.log(largest["c_exact"])))
print(f"R ∝ C^−{-line[0]:.3f}; at {largest['c_exact']:.2g} FLOPs")
print(f"the law says R = {by_law:.4f}, and R = {largest['reducible']:.4f} is measured")

overestimate = by_law / largest["reducible"]  # TODO: by which factor the law's R is too high there
check(overestimate=overestimate)

compute = numpy.geomspace(1e10, 2e16)
figure, axes = plt.subplots(figsize=(7, 4.2))
by_law_everywhere = numpy.exp(numpy.polyval(line, numpy.log(compute)))
axes.plot(compute, by_law_everywhere, label="law of the best runs")
axes.plot(frontier["c_exact"], frontier["reducible"], "o", markersize=5, label="best runs of page chinchilla")
axes.plot(far["c_exact"], far["reducible"], "s", markersize=3, label="far runs")
label(axes, "compute C (FLOPs)")
axes.legend()
plt.show()

# %% [markdown]
# If the program is built (`./scripts/run` does that) or on the PATH, it fits both sides of the bend.

# %%
built = package / ".build/release/isoflop"
program = str(built) if built.exists() else shutil.which("isoflop")
if program:
    for condition in ["c_exact<1.3e13", "c_exact>=1.3e13"]:
        command = [program, "fit", "--reference", "village-far", "--where", "learning_rate=0.008"]
        command += ["--where", condition, "--law", "power_c", "--floor", "entropy", "--json"]
        result = subprocess.run(command, cwd=package, capture_output=True, text=True, check=True)
        exponent = json.loads(result.stdout)["fits"][0]["fit"]["parameters"][1]
        low, high = exponent["interval"]["low"], exponent["interval"]["high"]
        print(f"{condition}: R ∝ C^−{exponent['value']:.3f}, interval {low:.3f} to {high:.3f}")
else:
    print("The program isoflop is not here. Nothing else needs it.")

# %% [markdown]
# **Question.** Why is the far loss lower than the law says, and could the small runs have told?

# %% [markdown] answer
# The text describes a village with a finite number of people and things. A power law is a sum over ever rarer things to learn; when even
# the rarest are within reach, the sum ends and the loss falls faster. The small runs are straight and show nothing of it. Smaller
# villages show it: they bend earlier (page `far`).

# %% [markdown]
# ## 7. A page of your choice
#
# The page `layers` compares attention with recurrent layers. Which of them needs less compute for the same loss?

# %%
layers = read_runs("layers")
names = {"AA": "attention", "MM": "scan", "MA": "hybrid", "LL": "linear attention"}
figure, axes = plt.subplots(figsize=(7, 4.2))
for letters, group in layers.groupby("layers", observed=True):
    best = group.groupby("isoflop_budget")["reducible"].min()
    axes.plot(best.index, best, "o-", markersize=4, label=names[letters])
label(axes, "compute budget C (FLOPs)", "lowest reducible loss R (nats per token)")
axes.legend()
plt.show()

laws = read_fits("layers")["value"]


def compute_needed(fit, r):
    """Returns the compute of the law R = A / C^α of a fit at the reducible loss r."""
    return (laws[(fit, "A")] / r) ** (1 / laws[(fit, "alpha")])


# How many times the compute of attention does the scan need for R = 0.5?
scan_factor = compute_needed("scan", 0.5) / compute_needed("attention", 0.5)  # TODO: that factor
check(scan_factor=scan_factor)

# %% [markdown]
# Now choose another page, and find out what its runs say. `experiments/PAGE.yaml` has its question, `isoflop book` makes its report,
# and `experiments/README.md` lists all results.
#
# | page | question | columns |
# |---|---|---|
# | `hybrid` | how much attention does a hybrid need? | `layers`, `reducible`, `exact_match_recall_16` |
# | `context` | what does a longer context give? | `context`, `layers`, `loss_at_1` to `loss_at_512` |
# | `recall` | what does a state of fixed size remember? | `layers`, `state`, `exact_match_recall_2` to `exact_match_recall_16` |
# | `repeat` | what if the data run out? | `unique_tokens`, `epochs`, `loss` |
# | `moe` | what do experts add? | `experts`, `n_active`, `n_total`, `reducible` |

# %%
chosen = read_runs("hybrid")
chosen.groupby(["corpus", "layers"], observed=True)[["loss", "reducible", "exact_match_recall_16"]].mean()

# %%
summary()
